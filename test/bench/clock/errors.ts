import { percentile } from '../figures.ts';
import type { Sample } from './member-spec.ts';

/** A member's clock beside the one that is right, at one moment. */
export interface ClockError {
  atMs: number;
  /** Ahead of it, in ms. */
  errorMs: number;
  /** What the member itself says that it may be wrong by. */
  uncertaintyMs: number;
}

/** Of absolute errors. */
export interface ErrorSummary {
  samples: number;
  p50Us: number;
  p99Us: number;
  maxUs: number;
  uncertaintyP50Us: number;
  uncertaintyMaxUs: number;
  /** Errors beyond what was said. */
  violations: number;
}

/** What a member showed beside what the master showed at the same moments of the machine's monotonic clock, from one on. */
export function errorsOf(member: readonly Sample[], master: readonly Sample[], fromMs: number): ClockError[] {
  const truth = new Map(master.map(([atMs, shownMs]) => [atMs, shownMs]));
  return member.flatMap(([atMs, shownMs, uncertaintyMs]) => {
    const trueMs = truth.get(atMs);
    return trueMs === undefined || atMs < fromMs ? [] : [{ atMs, errorMs: shownMs - trueMs, uncertaintyMs }];
  });
}

/** Throws RangeError of no errors. */
export function summaryOf(errors: readonly ClockError[]): ErrorSummary {
  const absolute = errors.map(({ errorMs }) => Math.abs(errorMs) * 1_000);
  const stated = errors.map(({ uncertaintyMs }) => uncertaintyMs * 1_000);
  return {
    samples: errors.length,
    p50Us: percentile(absolute, 0.5),
    p99Us: percentile(absolute, 0.99),
    maxUs: percentile(absolute, 1),
    uncertaintyP50Us: percentile(stated, 0.5),
    uncertaintyMaxUs: percentile(stated, 1),
    violations: errors.filter(({ errorMs, uncertaintyMs }) => Math.abs(errorMs) > uncertaintyMs).length,
  };
}
