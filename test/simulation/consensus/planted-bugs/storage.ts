import { Unstable } from '../../../../gateway/consensus/raft/log/unstable.ts';
import type { PersistBatch } from '../../../../gateway/consensus/replica/index.ts';
import { type LogRecord, Replay } from '../../../../gateway/consensus/storage/index.ts';
import { MemberDisk, type MemberDiskOptions } from '../index.ts';
import { deposedLeader, PLAIN } from './aim.ts';
import { type PlantedBug, replace } from './plant.ts';

export const STORAGE_BUGS: readonly PlantedBug[] = [
  {
    name: 'a write is acknowledged before it is on the disk',
    profile: 'crashes',
    options: { openDisk: (options) => new HastyDisk(options) },
  },
  {
    name: 'a vote is kept in memory alone',
    profile: 'crashes',
    options: { openDisk: (options) => new VotelessDisk(options) },
  },
  {
    name: 'replay forgets the term and the vote',
    profile: 'crashes',
    plant: () =>
      replace(
        Replay.prototype,
        'add',
        (right) =>
          function (this: Replay, record: LogRecord) {
            const { commit } = record.hardState;
            right.call(this, { ...record, hardState: { term: 1, vote: 0, commit } });
          },
      ),
  },
  {
    name: 'replay keeps the entries that a snapshot of the leader replaced',
    firstSeed: 40,
    scenario: {
      ...PLAIN,
      checkpointEntries: 15,
      trailingEntries: 0,
      storeClients: 12,
      thinkMs: 10,
      faultsEndMs: 1_500,
    },
    faults: (random) => [
      ...[1, 2, 3].map((process) => ({ kind: 'slowDisk' as const, atMs: 0, process, factor: 10, forMs: 1_500 })),
      ...deposedLeader(random, { clients: 10, slowness: 100, isRestarted: true }),
    ],
    plant: () =>
      replace(
        Replay.prototype,
        'add',
        (right) =>
          function (this: Replay, record: LogRecord) {
            right.call(this, { ...record, resetTo: undefined });
          },
      ),
  },
  {
    name: 'what the disk says of an entry is taken for one that came in its place',
    scenario: { ...PLAIN, storeClients: 6, thinkMs: 10, faultsEndMs: 1_500 },
    faults: (random) => deposedLeader(random, { clients: 3, slowness: 1_000 }),
    plant: () =>
      replace(
        Unstable.prototype,
        'stableTo',
        (right) =>
          function (this: Unstable, index) {
            right.call(this, index, this.term(index) as number);
          },
      ),
  },
];

class HastyDisk extends MemberDisk {
  readonly #onPersisted: () => void;

  constructor(options: MemberDiskOptions) {
    super({ ...options, onPersisted: () => {} });
    this.#onPersisted = options.onPersisted;
  }

  override write(batch: PersistBatch): void {
    super.write(batch);
    this.#onPersisted();
  }
}

class VotelessDisk extends MemberDisk {
  override write(batch: PersistBatch): void {
    super.write({ ...batch, hardState: batch.hardState && { ...batch.hardState, vote: 0 } });
  }
}
