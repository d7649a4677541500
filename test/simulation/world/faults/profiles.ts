import type { FaultKind } from './types.ts';

/** What a schedule is made of: kinds of faults, and some that come in company. */
export type FaultPattern =
  | FaultKind
  /** A process and all its links cut. */
  | 'isolation'
  /** A random subset is clogged one after the other and let go in another order (FoundationDB's "swizzle-clogging"). */
  | 'swizzle'
  /** The power of the whole site. */
  | 'blackout'
  /** Some members see each other and some do not, as through a switch that half works. */
  | 'partialPartition';

/** How often each pattern comes, by its share of the sum. */
export type FaultWeights = Partial<Record<FaultPattern, number>>;

const LOSSY: FaultWeights = { loss: 3, duplication: 2, reordering: 2, slowNetwork: 2 };
const PARTITIONS: FaultWeights = { partition: 4, cut: 3, isolation: 3, partialPartition: 2, swizzle: 3 };
const CRASHES: FaultWeights = { crash: 8, blackout: 1 };
const PAUSES: FaultWeights = { pause: 1 };
const CLOCKS: FaultWeights = { clockStep: 1, clockDrift: 2 };
const DISKS: FaultWeights = { slowDisk: 3, fullDisk: 2, diskErrors: 1, crash: 2 };

/** Corruption of what is synced is a profile of its own: a group promises nothing when a majority of its disks rot. */
export const FAULT_PROFILES = {
  calm: {},
  lossy: LOSSY,
  partitions: PARTITIONS,
  crashes: CRASHES,
  pauses: PAUSES,
  clocks: CLOCKS,
  disks: DISKS,
  corruption: { corruption: 2, crash: 4 },
  everything: { ...LOSSY, ...PARTITIONS, ...DISKS, ...CRASHES, ...CLOCKS, pause: 5 },
} satisfies Record<string, FaultWeights>;

export type FaultProfile = keyof typeof FAULT_PROFILES;
