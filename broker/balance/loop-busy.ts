import { performance } from 'node:perf_hooks';

/** Over less than this the share says little: a broker that starts is busy for a moment, and idle after it. */
const WINDOW_MS_MIN = 1_000;

/**
 * A meter of the share of the time since it was last asked in which the event loop had work, 0 to 1. Asked again too soon it
 * says what it said before; 0 at first.
 */
export function loopBusyMeter(): () => number {
  let last = performance.eventLoopUtilization();
  let busy = 0;
  return () => {
    const now = performance.eventLoopUtilization();
    const { active, idle, utilization } = performance.eventLoopUtilization(now, last);
    if (active + idle < WINDOW_MS_MIN) return busy;
    last = now;
    busy = utilization;
    return busy;
  };
}
