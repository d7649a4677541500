import type { Random } from '../../../../core/random/index.ts';
import type { ProcessId } from '../types.ts';
import { FAULT_PROFILES, type FaultPattern, type FaultProfile } from './profiles.ts';
import type { Fault } from './types.ts';

export interface ScheduleOptions {
  profile: FaultProfile;
  /** Whom crashes, pauses and troubles of clocks and disks may hit. */
  members: readonly ProcessId[];
  /** Others, such as clients, which find themselves on one side of a partition. */
  others: readonly ProcessId[];
  /** By then every fault has come and gone. */
  endMs: number;
}

/** Means between two faults, and lengths of one: from far below the time-outs of an election to far above. */
const GAP_MS = { min: 30, max: 3_000 };
const LENGTH_MS = { min: 5, max: 4_000 };
/** With the 50 that every clock has no clock is wrong by more than 500, which is what leases allow for. */
const DRIFT_PPM_MAX = 450;

/** A schedule from the stream alone. How much goes wrong differs from seed to seed by a factor of a hundred. */
export function faultSchedule(random: Random, options: ScheduleOptions): Fault[] {
  const weights = Object.entries(FAULT_PROFILES[options.profile]) as [FaultPattern, number][];
  if (weights.length === 0) return [];
  const gapMs = between(random, GAP_MS);
  const faults: Fault[] = [];
  for (let atMs = 0; ; ) {
    atMs += -Math.log(1 - random.next()) * gapMs;
    if (atMs >= options.endMs) break;
    faults.push(...faultsOf(pick(random, weights), random, Math.round(atMs), options));
  }
  return faults.map((fault) => endingBy(fault, options.endMs)).toSorted((one, other) => one.atMs - other.atMs);
}

function faultsOf(pattern: FaultPattern, random: Random, atMs: number, { members, others }: ScheduleOptions): Fault[] {
  const forMs = Math.round(between(random, LENGTH_MS));
  const process = members[random.below(members.length)]!;
  switch (pattern) {
    case 'crash':
      return [{ kind: pattern, atMs, process, powerCut: random.next() < 0.5, forMs }];
    case 'pause':
    case 'clog':
    case 'fullDisk':
    case 'diskErrors':
      return [{ kind: pattern, atMs, process, forMs }];
    case 'cut':
      return [{ kind: pattern, atMs, from: process, to: other(random, members, process), forMs }];
    case 'partition':
      return [{ kind: pattern, atMs, side: subset(random, [...members, ...others]), forMs }];
    case 'isolation':
      return [{ kind: 'partition', atMs, side: [process], forMs }];
    case 'partialPartition':
      return subset(random, members)
        .filter((one) => one !== process)
        .flatMap((one): Fault[] => [
          { kind: 'cut', atMs, from: one, to: process, forMs },
          { kind: 'cut', atMs, from: process, to: one, forMs },
        ]);
    case 'swizzle':
      return subset(random, members).map((one) => ({
        kind: 'clog',
        atMs: atMs + random.below(forMs + 1),
        process: one,
        forMs: Math.round(between(random, LENGTH_MS)),
      }));
    case 'blackout':
      return members.map((one) => ({
        kind: 'crash',
        atMs,
        process: one,
        powerCut: true,
        forMs: forMs + random.below(200),
      }));
    case 'loss':
    case 'duplication':
    case 'reordering':
      return [{ kind: pattern, atMs, rate: between(random, { min: 0.01, max: 0.5 }), forMs }];
    case 'slowNetwork':
      return [{ kind: pattern, atMs, byMs: Math.round(between(random, { min: 1, max: 300 })), forMs }];
    case 'clockStep':
      return [
        { kind: pattern, atMs, process, byMs: signed(random, Math.round(between(random, { min: 10, max: 1e7 }))) },
      ];
    case 'clockDrift':
      return [{ kind: pattern, atMs, process, ppm: signed(random, 1 + random.below(DRIFT_PPM_MAX)), forMs }];
    case 'slowDisk':
      return [{ kind: pattern, atMs, process, factor: Math.round(between(random, { min: 5, max: 500 })), forMs }];
    case 'corruption':
      return [{ kind: pattern, atMs, process, what: random.next() < 0.8 ? 'record' : 'checkpoint' }];
  }
}

function endingBy(fault: Fault, endMs: number): Fault {
  const atMs = Math.min(fault.atMs, endMs);
  return 'forMs' in fault ? { ...fault, atMs, forMs: Math.min(fault.forMs, endMs - atMs) } : { ...fault, atMs };
}

/** As often between 1 and 10 as between 10 and 100. */
function between(random: Random, { min, max }: { min: number; max: number }): number {
  return min * (max / min) ** random.next();
}

function signed(random: Random, value: number): number {
  return random.next() < 0.5 ? -value : value;
}

function other(random: Random, members: readonly ProcessId[], than: ProcessId): ProcessId {
  const rest = members.filter((id) => id !== than);
  return rest[random.below(rest.length)] ?? than;
}

/** Neither none nor all of them, unless there is but one. */
function subset(random: Random, ids: readonly ProcessId[]): ProcessId[] {
  const shuffled = [...ids];
  for (let index = shuffled.length - 1; index > 0; index--) {
    const swap = random.below(index + 1);
    [shuffled[index], shuffled[swap]] = [shuffled[swap]!, shuffled[index]!];
  }
  return shuffled.slice(0, 1 + random.below(Math.max(1, ids.length - 1)));
}

function pick(random: Random, weights: [FaultPattern, number][]): FaultPattern {
  let rest = random.next() * weights.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [pattern, weight] of weights) {
    rest -= weight;
    if (rest < 0) return pattern;
  }
  return weights.at(-1)![0];
}
