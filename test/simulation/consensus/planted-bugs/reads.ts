import { Raft } from '../../../../gateway/consensus/raft/raft.ts';
import { ReadOnly } from '../../../../gateway/consensus/raft/read-only.ts';
import { Reads } from '../../../../gateway/consensus/replica/reads.ts';
import { Requests } from '../../../../gateway/consensus/replica/requests.ts';
import type { Scenario } from '../scenario.ts';
import { clientsFrom, cutOffAgain, PLAIN, someOf } from './aim.ts';
import { type PlantedBug, replace, replaceGetter } from './plant.ts';

/** The readers come first. */
const READERS_AND_WRITERS: Partial<Scenario> = { readers: 3, storeClients: 6, thinkMs: 5, faultsEndMs: 3_000 };

export const READ_BUGS: readonly PlantedBug[] = [
  {
    name: 'a new leader answers reads before it has committed anything',
    firstSeed: 30,
    scenario: { thinkMs: 10, storeClients: 4 },
    plant: () => replaceGetter(Raft.prototype, 'committedInCurrentTerm', () => true),
  },
  {
    name: 'a read is answered once one other member has confirmed the leader',
    scenario: { ...PLAIN, ...READERS_AND_WRITERS, members: 5 },
    faults: (random) => {
      const side = (): number[] => [...someOf(random, 5, 2), ...clientsFrom(0, 3, 5)];
      return cutOffAgain(random, { side, endMs: 3_000, isPaused: true });
    },
    plant: () =>
      replace(
        ReadOnly.prototype,
        'receiveAck',
        (right) =>
          function (this: ReadOnly, id, context) {
            const acks = right.call(this, id, context);
            return acks && acks.size > 1 ? EVERYBODY : acks;
          },
      ),
  },
  {
    name: 'the lease of a leader never ends',
    scenario: { ...PLAIN, ...READERS_AND_WRITERS, leaseReads: true },
    faults: (random) => {
      const side = (): number[] => [...someOf(random, 3, 1), ...clientsFrom(0, 3, 3)];
      return cutOffAgain(random, { side, endMs: 3_000, isPaused: true });
    },
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
];

const EVERYBODY: ReadonlyMap<number, boolean> = new Map([1, 2, 3, 4, 5].map((id) => [id, true]));
