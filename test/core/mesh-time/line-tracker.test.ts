import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineTracker, shownAt, TRACKER_DEFAULTS } from '../../../core/mesh-time/index.ts';
import { type Random, seededRandom } from '../../../core/random/index.ts';

interface Path {
  /** Of the other clock to ours: what it shows at our 0, and how much faster it goes. */
  offsetMs: number;
  ppm: number;
  out: (random: Random) => number;
  back: (random: Random) => number;
}

/** An exchange at nowMs of ours; the other clock is shown at by its own line. */
function exchange(path: Path, nowMs: number, random: Random) {
  const shown = (ms: number): number => path.offsetMs + ms * (1 + path.ppm * 1e-6);
  const arrivedMs = nowMs + path.out(random);
  const leftMs = arrivedMs + 0.02;
  return { t1Ms: nowMs, t2Ms: shown(arrivedMs), t3Ms: shown(leftMs), t4Ms: leftMs + path.back(random) };
}

const exponential = (minMs: number, meanMs: number) => (random: Random) => minMs - Math.log(1 - random.next()) * meanMs;

function errorAfter(path: Path, seconds: number, perSecond: number, seed: string) {
  const random = seededRandom(seed);
  const tracker = new LineTracker();
  for (let nth = 0; nth < seconds * perSecond; nth++)
    tracker.addExchange(exchange(path, (nth * 1_000) / perSecond, random));
  const nowMs = seconds * 1_000;
  const estimate = tracker.estimate(nowMs)!;
  const errorMs = shownAt(estimate.line, nowMs) - (path.offsetMs + nowMs * (1 + path.ppm * 1e-6));
  return { errorMs, estimate, tracker };
}

describe('LineTracker', () => {
  it('has nothing to say before its first sample', () => {
    expect(new LineTracker().estimate(0)).toBeUndefined();
  });

  it('finds offset and rate over a LAN to a few microseconds and a fraction of a ppm', () => {
    const lan: Path = { offsetMs: 5e8, ppm: 80, out: exponential(0.1, 0.1), back: exponential(0.1, 0.1) };
    for (let seed = 0; seed < 20; seed++) {
      const { errorMs, estimate } = errorAfter(lan, 60, 8, `lan ${seed}`);
      expect(Math.abs(errorMs)).toBeLessThan(0.02);
      expect(Math.abs(errorMs)).toBeLessThan(estimate.uncertaintyMs);
      expect(estimate.uncertaintyMs).toBeGreaterThanOrEqual(0.1);
      expect(estimate.uncertaintyMs).toBeLessThan(0.15);
      expect(Math.abs((estimate.line.rate - 1) * 1e6 - 80)).toBeLessThan(2);
    }
  });

  it('shows an asymmetric path as width: the error is half of it, and the truth lies inside', () => {
    const path: Path = { offsetMs: 0, ppm: -50, out: exponential(4.1, 0.1), back: exponential(0.1, 0.1) };
    const { errorMs, estimate } = errorAfter(path, 60, 8, 'asymmetric');
    expect(Math.abs(errorMs)).toBeCloseTo(2, 1);
    expect(estimate.uncertaintyMs).toBeGreaterThan(Math.abs(errorMs));
    expect(estimate.uncertaintyMs).toBeLessThan(2.3);
  });

  it('holds the truth inside for any offset, rate, delays and losses', () => {
    const arbitrary = fc.record({
      offsetMs: fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      ppm: fc.double({ min: -200, max: 200, noNaN: true }),
      outMs: fc.double({ min: 0.05, max: 20, noNaN: true }),
      backMs: fc.double({ min: 0.05, max: 20, noNaN: true }),
      jitterMs: fc.double({ min: 0, max: 20, noNaN: true }),
      everyMs: fc.integer({ min: 20, max: 3_000 }),
      loss: fc.double({ min: 0, max: 0.9, noNaN: true }),
      holdoverMs: fc.integer({ min: 0, max: 60_000 }),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(arbitrary, ({ outMs, backMs, jitterMs, everyMs, loss, holdoverMs, seed, ...clock }) => {
        const path: Path = { ...clock, out: exponential(outMs, jitterMs), back: exponential(backMs, jitterMs) };
        const random = seededRandom(seed);
        const tracker = new LineTracker();
        let nowMs = 0;
        for (let nth = 0; nth < 150; nth++) {
          nowMs += everyMs;
          if (random.next() < loss) continue;
          tracker.addExchange(exchange(path, nowMs, random));
          const lookMs = nowMs + 100;
          const estimate = tracker.estimate(lookMs)!;
          const truthMs = path.offsetMs + lookMs * (1 + path.ppm * 1e-6);
          expect(Math.abs(shownAt(estimate.line, lookMs) - truthMs)).toBeLessThanOrEqual(estimate.uncertaintyMs);
        }
        const estimate = tracker.estimate(nowMs);
        if (estimate === undefined) return;
        const lookMs = nowMs + holdoverMs;
        const truthMs = path.offsetMs + lookMs * (1 + path.ppm * 1e-6);
        const heldMs = estimate.uncertaintyMs + holdoverMs * estimate.rateUncertaintyPpm * 1e-6;
        expect(Math.abs(shownAt(estimate.line, lookMs) - truthMs)).toBeLessThanOrEqual(heldMs);
        expect(tracker.contradictions).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('follows a clock that was set, once it notices the contradiction', () => {
    const random = seededRandom('set');
    const path: Path = { offsetMs: 0, ppm: 10, out: exponential(0.1, 0.1), back: exponential(0.1, 0.1) };
    const tracker = new LineTracker();
    for (let ms = 0; ms < 60_000; ms += 200) tracker.addExchange(exchange(path, ms, random));
    const moved = { ...path, offsetMs: 500 };
    for (let ms = 60_000; ms < 90_000; ms += 200) {
      tracker.addExchange(exchange(moved, ms, random));
      tracker.estimate(ms);
    }
    expect(tracker.contradictions).toBeGreaterThan(0);
    const truthMs = 500 + 90_000 * (1 + 10e-6);
    expect(Math.abs(shownAt(tracker.estimate(90_000)!.line, 90_000) - truthMs)).toBeLessThan(0.1);
  });

  it('counts what cannot be and learns nothing from it', () => {
    const tracker = new LineTracker();
    tracker.addExchange({ t1Ms: 10, t2Ms: 5, t3Ms: 6, t4Ms: 9 });
    tracker.addExchange({ t1Ms: 10, t2Ms: 6, t3Ms: 5, t4Ms: 11 });
    tracker.addExchange({ t1Ms: 10, t2Ms: 0, t3Ms: 50, t4Ms: 11 });
    tracker.addExchange({ t1Ms: Number.NaN, t2Ms: 0, t3Ms: 0, t4Ms: 11 });
    expect(tracker.impossible).toBe(4);
    expect(tracker.estimate(20)).toBeUndefined();
  });

  it('takes what a source says of itself, and adds what the other end does not know', () => {
    const tracker = new LineTracker({ ...TRACKER_DEFAULTS, skewPpmMax: 0, wanderPpm: 0 });
    tracker.addReading(1_000, 1_000_100, 10);
    tracker.addReading(2_000, 1_001_104, 10);
    const estimate = tracker.estimate(2_000)!;
    // The two overlap from 94 + … to 110 ms: the middle of both.
    expect(shownAt(estimate.line, 2_000)).toBeCloseTo(1_001_102, 6);
    tracker.addExchange({ t1Ms: 3_000, t2Ms: 1_002_102, t3Ms: 1_002_102, t4Ms: 3_000.2 }, 3);
    expect(tracker.estimate(3_000)!.uncertaintyMs).toBeGreaterThan(3);
  });
});
