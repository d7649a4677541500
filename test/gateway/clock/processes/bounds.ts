import type { MemberReading } from '../../../bench/clock/member-spec.ts';

/** By how much one clock is ahead of another, at least and at most, and by how much they say that they may be apart. */
export interface ErrorBounds {
  leastMs: number;
  mostMs: number;
  statedMs: number;
}

/** What one clock showed at some moment between two moments of another. */
export function boundsOfError(shown: MemberReading, before: MemberReading, after: MemberReading): ErrorBounds {
  return {
    leastMs: shown.ms - after.ms,
    mostMs: shown.ms - before.ms,
    statedMs: shown.uncertaintyMs + Math.max(before.uncertaintyMs, after.uncertaintyMs),
  };
}

/** What all of them leave. They differ by less than a clock moves against another in the time that the readings take. */
export function tightest(bounds: readonly ErrorBounds[]): ErrorBounds {
  return {
    leastMs: Math.max(...bounds.map(({ leastMs }) => leastMs)),
    mostMs: Math.min(...bounds.map(({ mostMs }) => mostMs)),
    statedMs: Math.max(...bounds.map(({ statedMs }) => statedMs)),
  };
}
