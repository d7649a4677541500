import type { Random } from '../../../core/random/index.ts';
import type { FaultProfile } from '../world/faults/index.ts';
import type { PlannedChange } from './clients/script.ts';

/** What a seed decides beside the faults. */
export interface Scenario {
  members: number;
  spares: number;
  storeClients: number;
  /** So many of the store's clients, the first, only read. */
  readers: number;
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
  /** Changes of the members at certain times. */
  script: readonly PlannedChange[];
  /** By then every fault is over. */
  faultsEndMs: number;
  /** See Haunting. */
  isHaunted: boolean;
}

export function scenarioOf(random: Random, profile: FaultProfile): Scenario {
  const roll = random.next();
  const members = roll < 0.65 ? 3 : roll < 0.93 ? 5 : 7;
  const checkpointEntries = Math.round(5 * 40 ** random.next());
  const hasAdmin = random.next() < 0.5;
  return {
    members,
    spares: hasAdmin ? 2 : 0,
    storeClients: 2 + random.below(3),
    readers: 0,
    lockClients: random.next() < 0.5 ? 0 : 2 + random.below(2),
    keys: 1 + random.below(4),
    thinkMs: 10 * 8 ** random.next(),
    leaseReads: random.next() < 0.35,
    hasPace: random.next() < 0.5,
    checkpointEntries,
    trailingEntries: random.below(checkpointEntries),
    unreachableRate: random.next() < 0.3 ? 0.02 : 0,
    adminEveryMs: hasAdmin ? 150 * 6 ** random.next() : undefined,
    script: [],
    faultsEndMs: 1_500 + random.below(2_500),
    isHaunted: profile === 'everything' && random.next() < 0.2,
  };
}
