import { TRACKER_DEFAULTS, type TrackerOptions } from '../line-tracker.ts';
import { SLEW_DEFAULTS, type SlewOptions } from '../slewed-clock.ts';

export interface FollowerOptions {
  /** Whom to ask, the first of them first. What the names mean is the matter of whoever sends the questions. */
  servers: readonly string[];
  /** Questions in the first round, after a start and after each `reachable`. */
  asksAtStart: number;
  /** Questions in each later round; the quickest answers count. */
  asksPerRound: number;
  /** Between two questions of a round. */
  spacingMs: number;
  /** How long the answers of a round are waited for, behind its last question. */
  answerTimeoutMs: number;
  /** Between two rounds: the first of these, then twice as long each time while all is well, up to the last. */
  intervalMsMin: number;
  intervalMsMax: number;
  /** The longest interval while nobody answers. */
  silentIntervalMsMax: number;
  /** Share of an interval that chance takes off or adds, so that a fleet does not ask all at once. 0 to 1. */
  jitter: number;
  /** Behind by more, the clock is set forwards instead of slewed: the machine slept, and its monotonic clock with it. */
  stepMsMin: number;
  slew: SlewOptions;
  tracker: TrackerOptions;
}

export const FOLLOWER_DEFAULTS: Omit<FollowerOptions, 'servers'> = {
  asksAtStart: 8,
  asksPerRound: 4,
  spacingMs: 100,
  answerTimeoutMs: 2_000,
  intervalMsMin: 2_000,
  intervalMsMax: 64_000,
  silentIntervalMsMax: 16_000,
  jitter: 0.2,
  stepMsMin: 1_000,
  slew: SLEW_DEFAULTS,
  // Half an hour of rounds at the longest interval. A cheap crystal warms up and cools down by more than a gateway's in that time.
  tracker: { ...TRACKER_DEFAULTS, slotMs: 4_000, slots: 32, wanderPpm: 1 },
};

/** How fast the rate between a device's crystal and the mesh may change, in ppm for each second, while nothing is heard. */
export const DEVICE_WANDER_PPM_PER_S = 0.01;
