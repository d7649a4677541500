/*
 * Whom to believe when several say how far UTC is from here, each with its own uncertainty (K. Marzullo, "Maintaining the Time in a
 * Distributed System", 1984; RFC 5905, section 11.2.1).
 *
 * Each source gives an interval that holds the truth, unless it lies. If more than half of n hold it, then the truth is covered by a
 * majority of the intervals, so it lies between the lowest and the highest point that a majority covers: that is the bound. A source
 * whose interval does not meet it is wrong.
 *
 * RFC 5905 begins with no liars and allows one more at a time until the intersection is not empty, which gives a narrower bound. But two
 * liars of five that agree with the edge of two others then move it off the truth, although three of five tell it. The bound here
 * always allows the largest minority, and is what is left when nothing else is assumed. Its price is that it is no narrower than
 * the majority of the sources are; the estimate within it leans to the surest.
 */

export interface Interval {
  source: string;
  /** UTC minus monotonic. */
  offsetMs: number;
  /** Half the width; above 0. */
  uncertaintyMs: number;
}

export type Agreement =
  | {
      kind: 'agreed';
      offsetMs: number;
      /** To the further end of the bound: it holds the truth whenever a majority of the intervals do. */
      uncertaintyMs: number;
      truechimers: string[];
      falsetickers: string[];
    }
  /** No point is covered by a majority. */
  | { kind: 'disagreement' }
  | { kind: 'nothing' };

/** One source alone is taken as it is; of two, both have to agree. */
export function agreementOf(intervals: readonly Interval[]): Agreement {
  if (intervals.length === 0) return { kind: 'nothing' };
  const bound = boundOf(intervals);
  if (bound === undefined) return { kind: 'disagreement' };
  const isTrue = (it: Interval): boolean => lowOf(it) <= bound.high && highOf(it) >= bound.low;
  const truechimers = intervals.filter(isTrue);
  const offsetMs = Math.min(bound.high, Math.max(bound.low, weightedOffset(truechimers)));
  return {
    kind: 'agreed',
    offsetMs,
    uncertaintyMs: Math.max(bound.high - offsetMs, offsetMs - bound.low),
    truechimers: truechimers.map(({ source }) => source),
    falsetickers: intervals.filter((it) => !isTrue(it)).map(({ source }) => source),
  };
}

/** The lowest and the highest point that more than half of the intervals cover. */
function boundOf(intervals: readonly Interval[]): { low: number; high: number } | undefined {
  const majority = Math.floor(intervals.length / 2) + 1;
  const edges = intervals.flatMap((it) => [
    { at: lowOf(it), step: 1 },
    { at: highOf(it), step: -1 },
  ]);
  // Ends belong to their intervals: where one ends as another begins, both cover the point.
  edges.sort((a, b) => a.at - b.at || b.step - a.step);
  let low: number | undefined;
  let high: number | undefined;
  let covering = 0;
  for (const { at, step } of edges) {
    if (step === -1 && covering >= majority) high = at;
    covering += step;
    if (step === 1 && covering >= majority) low ??= at;
  }
  return low === undefined || high === undefined ? undefined : { low, high };
}

/** Mean of the offsets, each weighted by 1 / root distance (RFC 5905, section 11.2.3). */
function weightedOffset(intervals: readonly Interval[]): number {
  // Offsets are the size of a date: taken against the first, the sums lose nothing.
  const baseMs = intervals[0]?.offsetMs ?? 0;
  let sum = 0;
  let weights = 0;
  for (const { offsetMs, uncertaintyMs } of intervals) {
    sum += (offsetMs - baseMs) / uncertaintyMs;
    weights += 1 / uncertaintyMs;
  }
  return baseMs + sum / weights;
}

function lowOf({ offsetMs, uncertaintyMs }: Interval): number {
  return offsetMs - uncertaintyMs;
}

function highOf({ offsetMs, uncertaintyMs }: Interval): number {
  return offsetMs + uncertaintyMs;
}
