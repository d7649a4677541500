import { simulateClock as clock } from './clock/index.ts';
import { simulate as consensus } from './consensus/index.ts';
import type { RunOptions, RunResult } from './run.ts';
import { simulateTransactions as transactions } from './transactions.ts';
import type { FaultProfile } from './world/faults/index.ts';

/** What can be simulated, by name. */
export const PARTS: Record<string, (options: RunOptions) => RunResult> = { consensus, transactions, clock };

/**
 * Profiles that a group must survive. Not among them is `corruption`: a record that rots at the end of a log looks like one that
 * was torn by a power cut, and no member can tell.
 */
export const PROFILES = [
  'everything',
  'calm',
  'lossy',
  'partitions',
  'crashes',
  'pauses',
  'clocks',
  'disks',
] as const satisfies readonly FaultProfile[];

/** Every second seed is of the profile that has all; the others take turns. */
export function profileOf(seed: number): FaultProfile {
  if (seed % 2 === 0) return 'everything';
  return PROFILES[1 + (((seed - 1) / 2) % (PROFILES.length - 1))] as FaultProfile;
}
