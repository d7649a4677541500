import type { Clock } from '../../../core/time/index.ts';

/** Clock.wallMs tells whole ms. */
const WALL_RESOLUTION_MS = 1;
const WIDTH_MS_ENOUGH = 0.005;
/** Long enough to see the wall clock tick. */
const SEARCH_MS_MAX = 3;
const READINGS_MAX = 100_000;

export interface WallReading {
  atMonotonicMs: number;
  /** What the wall clock said at that moment, to uncertaintyMs. */
  utcMs: number;
  uncertaintyMs: number;
}

/**
 * The wall clock against the monotonic one, to a few µs. Each reading lies between two readings of the monotonic clock and tells between
 * which bounds their difference is; what all of them leave is narrow as soon as the wall clock was seen to tick. Blocks for 1 ms
 * or so. Undefined when readings contradict each other, since the wall clock was set meanwhile.
 */
export function readWallClock(clock: Clock): WallReading | undefined {
  let lowMs = -Infinity;
  let highMs = Infinity;
  const startMs = clock.monotonicMs();
  let beforeMs = startMs;
  for (let reading = 0; reading < READINGS_MAX; reading++) {
    const wallMs = clock.wallMs();
    const afterMs = clock.monotonicMs();
    lowMs = Math.max(lowMs, wallMs - afterMs);
    highMs = Math.min(highMs, wallMs + WALL_RESOLUTION_MS - beforeMs);
    if (highMs - lowMs <= WIDTH_MS_ENOUGH || afterMs - startMs >= SEARCH_MS_MAX) break;
    beforeMs = afterMs;
  }
  if (lowMs - highMs > WIDTH_MS_ENOUGH) return undefined;
  const atMonotonicMs = clock.monotonicMs();
  const uncertaintyMs = Math.max(WIDTH_MS_ENOUGH, (highMs - lowMs) / 2);
  return { atMonotonicMs, utcMs: atMonotonicMs + (lowMs + highMs) / 2, uncertaintyMs };
}
