import { AppliedRequests } from '../../../../gateway/coordination/state/applied-requests.ts';
import { Lessor } from '../../../../gateway/coordination/state/index.ts';
import { LeaseTable } from '../../../../gateway/coordination/state/leases.ts';
import type { Fault } from '../../world/faults/index.ts';
import type { Scenario } from '../scenario.ts';
import { clientsFrom, PLAIN } from './aim.ts';
import { type PlantedBug, replace } from './plant.ts';

const LOCKS: Partial<Scenario> = { lockClients: 3, storeClients: 1, faultsEndMs: 4_000 };

export const COORDINATION_BUGS: readonly PlantedBug[] = [
  {
    name: 'a request that is repeated is carried out again',
    plant: () => replace(AppliedRequests.prototype, 'find', () => () => undefined),
  },
  {
    name: 'a snapshot leaves out which requests were carried out',
    plant: () => replace(AppliedRequests.prototype, 'restore', () => () => {}),
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
    name: 'a lease ends although a renewal stands before its end in the log',
    scenario: { ...PLAIN, lockClients: 3, storeClients: 1, faultsEndMs: 6_000 },
    // Holders are cut off for about as long as their leases last, and what they ask then takes long to be agreed on.
    faults: (random) =>
      Array.from({ length: 5 }, (_, nth): Fault[] => {
        const atMs = 800 + 1_000 * nth;
        const holder = clientsFrom(1 + random.below(3), 1, 3);
        return [
          { kind: 'partition', atMs, side: holder, forMs: 300 + random.below(300) },
          ...[1, 2, 3].map(
            (process): Fault => ({ kind: 'slowDisk', atMs: atMs + 300, process, factor: 800, forMs: 600 }),
          ),
        ];
      }).flat(),
    plant: () =>
      replace(
        LeaseTable.prototype,
        'get',
        (right) =>
          function (this: LeaseTable, id) {
            const lease = right.call(this, id);
            return lease && { ...lease, renewals: 0 };
          },
      ),
  },
  {
    name: 'the resource does not look at the fencing token',
    scenario: LOCKS,
    options: { admission: () => true },
  },
];
