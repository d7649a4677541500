import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Quality, SlewedClock } from '../../../core/mesh-time/index.ts';

const EXACT: Quality = { kind: 'relative', uncertaintyMs: 0, growthPpm: 0, wanderPpmPerS: 0 };
const START = { monotonicMs: 1_000, wallMs: 1_700_000_000_000 };

describe('SlewedClock', () => {
  it('shows the wall clock, of which nothing is known, until it follows others', () => {
    const clock = new SlewedClock(START);
    expect(clock.at(2_000)).toEqual({ ms: 1_700_000_001_000, uncertaintyMs: Number.POSITIVE_INFINITY });
    expect(clock.kind).toBe('none');
  });

  it('makes up for an error by its rate alone, and says how much is left', () => {
    const clock = new SlewedClock(START);
    clock.follow({ atMs: 1_000, shownMs: START.wallMs + 1, rate: 1 }, EXACT, 1_000);
    expect(clock.at(1_000).uncertaintyMs).toBeCloseTo(1, 3);
    expect(clock.at(3_000).ms - START.wallMs - 2_000).toBeCloseTo(0.5, 3);
    expect(clock.at(5_000).ms - START.wallMs - 4_000).toBeCloseTo(1, 3);
    expect(clock.at(9_000).ms - START.wallMs - 8_000).toBeCloseTo(1, 3);
    expect(clock.at(9_000).uncertaintyMs).toBeCloseTo(0, 3);
  });

  it('needs 200 s for 100 ms at 500 ppm', () => {
    const clock = new SlewedClock(START);
    clock.follow({ atMs: 1_000, shownMs: START.wallMs - 100, rate: 1 }, EXACT, 1_000);
    expect(clock.behindMs(1_000 + 199_000)).toBeCloseTo(-0.5, 2);
    expect(clock.behindMs(1_000 + 201_000)).toBeCloseTo(0, 2);
  });

  it('grows less certain with age, by the rate and by its wander', () => {
    const clock = new SlewedClock(START);
    const quality: Quality = { kind: 'absolute', uncertaintyMs: 0.5, growthPpm: 10, wanderPpmPerS: 0.01 };
    clock.follow({ atMs: 1_000, shownMs: START.wallMs, rate: 1 }, quality, 1_000);
    expect(clock.at(1_000).uncertaintyMs).toBeCloseTo(0.5, 6);
    expect(clock.at(101_000).uncertaintyMs).toBeCloseTo(0.5 + 1 + 0.05, 6);
  });

  it('takes a line that was told a while ago for what it was then', () => {
    const clock = new SlewedClock(START);
    const quality: Quality = { ...EXACT, uncertaintyMs: 1, growthPpm: 100 };
    clock.follow({ atMs: 1_000, shownMs: START.wallMs, rate: 1 }, quality, 11_000);
    expect(clock.at(11_000)).toEqual({ ms: START.wallMs + 10_000, uncertaintyMs: 2 });
  });

  it('is set only when it is told to', () => {
    const clock = new SlewedClock(START);
    clock.step({ atMs: 2_000, shownMs: 5_000, rate: 1.0001 }, EXACT, 2_000);
    expect([clock.at(2_000).ms, clock.steps]).toEqual([5_000, 1]);
    expect(clock.frequencyPpm).toBeCloseTo(100, 6);
  });

  it('never goes backwards and keeps within its rates, whatever it is told to follow', () => {
    const change = fc.record({
      afterMs: fc.double({ min: 0.001, max: 20_000, noNaN: true }),
      offMs: fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      ratePpm: fc.double({ min: -5_000, max: 5_000, noNaN: true }),
      readAfterMs: fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const clock = new SlewedClock(START);
        let nowMs = START.monotonicMs;
        let before = { atMs: nowMs, ms: clock.at(nowMs).ms };
        const look = (): void => {
          const { ms } = clock.at(nowMs);
          const passedMs = nowMs - before.atMs;
          // A double that holds a date has steps of a quarter of a microsecond.
          expect(ms - before.ms).toBeGreaterThanOrEqual(passedMs * (1 - 500e-6) - 1e-3);
          expect(ms - before.ms).toBeLessThanOrEqual(passedMs * (1 + 500e-6) + 1e-3);
          expect(ms).toBeGreaterThanOrEqual(before.ms);
          before = { atMs: nowMs, ms };
        };
        for (const { afterMs, offMs, ratePpm, readAfterMs } of changes) {
          nowMs += afterMs;
          look();
          clock.follow({ atMs: nowMs, shownMs: before.ms + offMs, rate: 1 + ratePpm * 1e-6 }, EXACT, nowMs);
          for (const readAfter of readAfterMs) {
            nowMs += readAfter;
            look();
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
