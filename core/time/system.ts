import type { Clock } from './clock.ts';

const NS_PER_MS = 1_000_000;
const MS_PER_S = 1_000;
/** The first few are slow, since their code is cold. */
const READINGS = 32;

/**
 * How far performance.now(), which begins anew in each thread and process, is behind process.hrtime(), which does not, in ms.
 * Of several readings the one counts whose two ends are nearest to each other: nothing came in between.
 */
function machineOffsetMs(): number {
  let offsetMs = 0;
  let tightestMs = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < READINGS; reading++) {
    const beforeMs = performance.now();
    const [seconds, nanoseconds] = process.hrtime();
    const afterMs = performance.now();
    if (afterMs - beforeMs >= tightestMs) continue;
    tightestMs = afterMs - beforeMs;
    offsetMs = seconds * MS_PER_S + nanoseconds / NS_PER_MS - (beforeMs + afterMs) / 2;
  }
  return offsetMs;
}

const OFFSET_MS = machineOffsetMs();

/**
 * The machine's own clocks. The only file of core/ that may touch Date, performance and timers.
 *
 * `monotonicMs` is CLOCK_MONOTONIC in ms with its fraction, to about a microsecond: machine-wide, so that stamps of all threads
 * and processes of a machine can be compared. It began when the machine did, so a process starts far from 0. Not so
 * under faketime, which gives each process a clock of its own, nor across the move of a virtual machine to another host.
 */
export const systemClock: Clock = {
  monotonicMs: () => performance.now() + OFFSET_MS,
  wallMs: () => Date.now(),
  setTimer(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
