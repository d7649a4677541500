import {
  SLEW_DEFAULTS,
  type SlewOptions,
  TRACKER_DEFAULTS,
  type TrackerOptions,
} from '../../../core/mesh-time/index.ts';
import type { AverageName } from './average.ts';

export interface ClockNodeOptions {
  /** Name of this gateway. */
  name: string;
  /** Which life of this process: its monotonic clock and that of another life are not to be compared. */
  boot: string;
  /** Between two rounds of the master. */
  roundMs: number;
  /** Probes that each member gets in a round, one soon after the other: code and processor are warm then. */
  probesPerRound: number;
  probeSpacingMs: number;
  average: AverageName;
  /** How far clocks that agree may be apart. */
  gammaMs: number;
  /** Members that `median` believes rather than others. */
  trusted: readonly string[];
  /** An error beyond this makes an alarm. */
  uncertaintyMsMax: number;
  slew: SlewOptions;
  tracker: TrackerOptions;
}

export const CLOCK_NODE_DEFAULTS: Omit<ClockNodeOptions, 'name' | 'boot'> = {
  roundMs: 1_000,
  probesPerRound: 16,
  probeSpacingMs: 2,
  average: 'cluster',
  gammaMs: 20,
  trusted: [],
  uncertaintyMsMax: 50,
  slew: SLEW_DEFAULTS,
  tracker: TRACKER_DEFAULTS,
};

/** References are asked seldom: their samples are kept for six minutes, in which a crystal may warm up. */
export const REFERENCE_TRACKER = { slotMs: 16_000, slots: 24, wanderPpm: 2 };
/** A reference outside that was not heard of for so long is held over from. */
export const REFERENCE_STALE_MS = 300_000;
/** A member that was not measured for so many rounds is away. */
export const STALE_ROUNDS = 10;
/** Answers are gathered for this part of a round. */
export const COLLECT_SHARE = 0.5;
/** A first master waits for the clocks of all members for so many rounds. */
export const COLD_ROUNDS = 3;
/**
 * Without a reference outside, the mesh's time goes by the average of the members' rates, and may be pulled by their average at most so
 * fast: what a member that hears nothing has to allow for.
 */
export const PULL_PPM_MAX = 10;
/** The same before the rate is settled: it may change by what two crystals differ. */
export const UNSETTLED_PPM = 200;
/** Once settled, the rate follows its average no faster; so that a member in holdover knows how fast it may change. */
export const RATE_WANDER_PPM_PER_S = 0.002;
/** A member's rate counts once it is known to this. */
export const RATE_KNOWN_PPM = 5;
/** And it is told to it once it is known to this, or was measured for so many slots of time. */
export const RATE_UNKNOWN_PPM = 50;
export const RATE_SLOTS_MIN = 16;
/** The rate is settled after so many rounds in which a majority's was known. */
export const SETTLED_ROUNDS = 30;
/** Share of the distance to the reference outside that the time of the mesh goes in a round: references are noisier than it is. */
export const REFERENCE_GAIN = 0.1;
