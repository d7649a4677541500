/**
 * A straight relation between two clocks: at `atMs` of this process's monotonic clock the other one shows `shownMs`, and
 * goes on by `rate` of its own ms for each of ours.
 */
export interface Line {
  atMs: number;
  shownMs: number;
  rate: number;
}

/** What the other clock shows at a moment of ours. */
export function shownAt({ atMs, shownMs, rate }: Line, monotonicMs: number): number {
  return shownMs + (monotonicMs - atMs) * rate;
}

/** The moment of ours at which the other clock shows this. */
export function momentOf({ atMs, shownMs, rate }: Line, whenShownMs: number): number {
  return atMs + (whenShownMs - shownMs) / rate;
}

/** The same line, told from another moment on. */
export function reanchored(line: Line, atMs: number): Line {
  return { atMs, shownMs: shownAt(line, atMs), rate: line.rate };
}

export const PPM = 1e-6;
