import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AskedClock, contradictions, meshNow } from '../../../core/cli/mesh-clocks.ts';
import { clockStatus, NEW_YEAR_MS, unsynchronised } from '../../support/clocks.ts';

/** What the true mesh time is ahead of our monotonic clock here. */
const AHEAD_MS = NEW_YEAR_MS;

interface Way {
  askedMs: number;
  thereMs: number;
  backMs: number;
  errorMs: number;
  /** Beyond the error. */
  spareMs: number;
}

/** A gateway whose clock is off by errorMs and says so honestly, asked over a way of any asymmetry. */
function honest(id: string, { askedMs, thereMs, backMs, errorMs, spareMs }: Way): AskedClock {
  const ms = AHEAD_MS + askedMs + thereMs + errorMs;
  const time = clockStatus({ ms, uncertaintyMs: Math.abs(errorMs) + spareMs });
  return { id, askedMs, answeredMs: askedMs + thereMs + backMs, time };
}

const way = fc.record({
  askedMs: fc.integer({ min: 0, max: 100_000 }),
  thereMs: fc.integer({ min: 0, max: 3_000 }),
  backMs: fc.integer({ min: 0, max: 3_000 }),
  errorMs: fc.integer({ min: -500, max: 500 }),
  spareMs: fc.integer({ min: 0, max: 50 }),
});
const near = { askedMs: 0, thereMs: 1, backMs: 1, errorMs: 0, spareMs: 1 };

describe('the clocks of a mesh, asked over a network', () => {
  it('do not contradict each other while each is within what it says, and the time lies within what is told', () => {
    fc.assert(
      fc.property(fc.array(way, { minLength: 1, maxLength: 5 }), (ways) => {
        const asked = ways.map((each, index) => honest(`gateway-${index + 1}`, each));
        expect(contradictions(asked)).toEqual([]);
        const nowMs = 200_000;
        const now = meshNow(asked, nowMs);
        expect(Math.abs((now?.ms ?? 0) - AHEAD_MS - nowMs)).toBeLessThanOrEqual(now?.uncertaintyMs ?? -1);
      }),
    );
  });

  it('contradict each other when no moment fits both, in either direction', () => {
    for (const errorMs of [-20, 20]) {
      const wrong = honest('gateway-3', near);
      const time = clockStatus({ ms: (wrong.time?.ms ?? 0) + errorMs, uncertaintyMs: 1 });
      const asked = [honest('gateway-1', near), honest('gateway-2', near), { ...wrong, time }];
      expect(contradictions(asked)).toEqual([
        ['gateway-1', 'gateway-3'],
        ['gateway-2', 'gateway-3'],
      ]);
    }
  });

  it('do not contradict when one knows nothing, takes no part or does not answer', () => {
    const asked = [
      honest('gateway-1', near),
      { id: 'gateway-2', askedMs: 0, answeredMs: 2, time: unsynchronised({ ms: 5 }) },
      { id: 'gateway-3', askedMs: 0, answeredMs: 2 },
      { id: 'gateway-4', askedMs: 0, answeredMs: 2, failure: 'away' },
    ];
    expect(contradictions(asked)).toEqual([]);
    expect(meshNow(asked.slice(1), 0)).toBeUndefined();
  });

  it('tell the time by the master, else by the one that knows it best', () => {
    const vague = honest('gateway-1', { ...near, spareMs: 30 });
    const master = honest('gateway-2', { ...near, spareMs: 20 });
    const exact = honest('gateway-3', near);
    expect(meshNow([vague, master, exact], 10)).toEqual({
      ms: AHEAD_MS + 10,
      uncertaintyMs: 21,
      kind: 'absolute',
      by: 'gateway-2',
    });
    expect(meshNow([vague, exact], 10)?.by).toBe('gateway-3');
  });
});
