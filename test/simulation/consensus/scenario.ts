import type { Random } from '../../../core/random/index.ts';

/** What a seed decides beside the faults. */
export interface Scenario {
  members: number;
  spares: number;
  storeClients: number;
  lockClients: number;
  keys: number;
  thinkMs: number;
  leaseReads: boolean;
  hasPace: boolean;
  checkpointEntries: number;
  trailingEntries: number;
  unreachableRate: number;
  /** Undefined when nobody changes the members. */
  adminEveryMs: number | undefined;
  /** By then every fault is over. */
  faultsEndMs: number;
}

export function scenarioOf(random: Random): Scenario {
  const roll = random.next();
  const members = roll < 0.65 ? 3 : roll < 0.93 ? 5 : 7;
  const checkpointEntries = Math.round(5 * 40 ** random.next());
  const hasAdmin = random.next() < 0.5;
  return {
    members,
    spares: hasAdmin ? 2 : 0,
    storeClients: 2 + random.below(3),
    lockClients: random.next() < 0.5 ? 0 : 2 + random.below(2),
    keys: 1 + random.below(4),
    thinkMs: 10 * 8 ** random.next(),
    leaseReads: random.next() < 0.35,
    hasPace: random.next() < 0.5,
    checkpointEntries,
    trailingEntries: random.below(checkpointEntries),
    unreachableRate: random.next() < 0.3 ? 0.02 : 0,
    adminEveryMs: hasAdmin ? 150 * 6 ** random.next() : undefined,
    faultsEndMs: 1_500 + random.below(2_500),
  };
}
