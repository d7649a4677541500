import { RaftLog } from '../../../gateway/consensus/raft/log/index.ts';
import { MajorityConfig } from '../../../gateway/consensus/raft/quorum/index.ts';
import { Raft } from '../../../gateway/consensus/raft/raft.ts';
import type { PersistBatch } from '../../../gateway/consensus/replica/index.ts';
import { MemberBook } from '../../../gateway/consensus/replica/index.ts';
import { Reads } from '../../../gateway/consensus/replica/reads.ts';
import { Requests } from '../../../gateway/consensus/replica/requests.ts';
import { type LogRecord, Replay } from '../../../gateway/consensus/storage/index.ts';
import { AppliedRequests } from '../../../gateway/coordination/state/applied-requests.ts';
import { Lessor } from '../../../gateway/coordination/state/index.ts';
import type { FaultProfile } from '../world/faults/index.ts';
import { MemberDisk, type MemberDiskOptions, type SimulationOptions } from './index.ts';
import type { Scenario } from './scenario.ts';

/** A mistake that somebody could make, put into the production classes or the adapter for as long as a test runs. */
export interface PlantedBug {
  name: string;
  /** Returns what takes it out again. */
  plant?: () => () => void;
  options?: Pick<SimulationOptions, 'openDisk' | 'admission'>;
  profile?: FaultProfile;
  scenario?: Partial<Scenario>;
  /** The first seed that is tried; above 1 for what only some seeds in a hundred show. */
  firstSeed?: number;
}

const LOCKS: Partial<Scenario> = { lockClients: 3, storeClients: 1, faultsEndMs: 4_000 };
const CHANGES: Partial<Scenario> = { members: 3, spares: 2, adminEveryMs: 150 };

export const PLANTED_BUGS: readonly PlantedBug[] = [
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
    name: 'an entry is committed by one member less than a majority',
    plant: () =>
      replace(
        MajorityConfig.prototype,
        'committedIndex',
        () =>
          function (this: MajorityConfig, ackedIndex) {
            if (this.size === 0) return Number.POSITIVE_INFINITY;
            const acked = [...this].map((id) => ackedIndex(id) ?? 0).sort((a, b) => b - a);
            return acked[Math.max(0, (this.size >> 1) - 1)] as number;
          },
      ),
  },
  {
    name: 'a leader is elected by one member less than a majority',
    plant: () =>
      replace(
        MajorityConfig.prototype,
        'voteResult',
        (right) =>
          function (this: MajorityConfig, votes) {
            const yes = [...this].filter((id) => votes.get(id) === true).length;
            return yes >= this.size >> 1 ? 'VoteWon' : right.call(this, votes);
          },
      ),
  },
  {
    name: 'a follower truncates what an old message does not hold',
    profile: 'lossy',
    plant: () =>
      replace(
        RaftLog.prototype,
        'maybeAppend',
        (right) =>
          function (this: RaftLog, prevIndex, prevTerm, entries, committed) {
            const isBehind = entries[0] !== undefined && entries[0].index > this.committed;
            if (this.matchTerm(prevIndex, prevTerm) && isBehind) this.append(entries);
            return right.call(this, prevIndex, prevTerm, entries, committed);
          },
      ),
  },
  {
    name: 'a candidate with an older log gets votes',
    plant: () => replace(RaftLog.prototype, 'isUpToDate', () => () => true),
  },
  {
    name: 'a new leader answers reads before it has committed anything',
    scenario: { thinkMs: 10, storeClients: 4 },
    plant: () => replaceGetter(Raft.prototype, 'committedInCurrentTerm', () => true),
  },
  {
    name: 'the lease of a leader never ends',
    profile: 'partitions',
    scenario: { leaseReads: true, thinkMs: 5, storeClients: 4, hasPace: false },
    plant: () => replaceGetter(Reads.prototype, 'confirmedSinceMs', () => Number.POSITIVE_INFINITY),
  },
  {
    name: 'a lease read does not wait for what is committed',
    profile: 'disks',
    scenario: { leaseReads: true },
    plant: () =>
      replace(
        Requests.prototype,
        'readAt',
        () =>
          function (this: Requests, _index, id, query) {
            this.readNow(id, query);
          },
      ),
  },
  {
    name: 'a request that is repeated is carried out again',
    plant: () => replace(AppliedRequests.prototype, 'find', () => () => undefined),
  },
  {
    name: 'a snapshot leaves out which requests were carried out',
    plant: () => replace(AppliedRequests.prototype, 'restore', () => () => {}),
  },
  {
    name: 'a snapshot leaves out who the members are',
    scenario: { checkpointEntries: 5, trailingEntries: 0 },
    plant: () => replace(MemberBook.prototype, 'toJson', () => () => JSON.stringify({ members: [], nextId: 1 })),
  },
  {
    name: 'two changes give one id to two members',
    firstSeed: 30,
    scenario: CHANGES,
    plant: () => replace(MemberBook.prototype, 'conflict', () => () => undefined),
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
    name: 'a new leader does not let leases live on',
    scenario: LOCKS,
    plant: () =>
      replace(
        Lessor.prototype,
        'becameLeader',
        (right) =>
          function (this: Lessor, leases, nowMs) {
            right.call(
              this,
              [...leases].map((lease) => ({ ...lease, ttlMs: 0 })),
              nowMs,
            );
          },
      ),
  },
  {
    name: 'a renewal does not let a lease live on',
    scenario: LOCKS,
    plant: () => {
      const known = new WeakMap<Lessor, Set<string>>();
      return replace(
        Lessor.prototype,
        'granted',
        (right) =>
          function (this: Lessor, lease, nowMs) {
            const ids = known.get(this) ?? new Set();
            known.set(this, ids);
            if (!ids.has(lease.id)) right.call(this, lease, nowMs);
            ids.add(lease.id);
          },
      );
    },
  },
  {
    name: 'the resource does not look at the fencing token',
    scenario: LOCKS,
    options: { admission: () => true },
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

function replace<T extends object, K extends keyof T>(prototype: T, name: K, make: (right: T[K]) => T[K]): () => void {
  const right = prototype[name];
  prototype[name] = make(right);
  return () => {
    prototype[name] = right;
  };
}

function replaceGetter<T extends object>(prototype: T, name: keyof T, get: () => unknown): () => void {
  const right = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
  Object.defineProperty(prototype, name, { ...right, get });
  return () => Object.defineProperty(prototype, name, right);
}
