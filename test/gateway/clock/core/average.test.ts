import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AVERAGE_NAMES, faultTolerantAverage, medianOf } from '../../../../gateway/clock/core/index.ts';

const OPTIONS = { gammaMs: 20, trusted: [] };
const readings = (offsets: number[]) => offsets.map((offsetMs, index) => ({ name: `g${index}`, offsetMs }));

describe.each(AVERAGE_NAMES)('the average of %s', (name) => {
  const average = (offsets: number[], options = OPTIONS) => faultTolerantAverage(name, readings(offsets), options);

  it('is the mean of clocks that agree', () => {
    expect(average([0, 3, -3, 8])?.offsetMs).toBe(2);
    expect(average([5])).toEqual({ offsetMs: 5, accepted: ['g0'], rejected: [] });
  });

  it('leaves out who is far away', () => {
    expect(average([0, 2, 4, 10_000, -3_600_000])).toEqual({
      offsetMs: 2,
      accepted: ['g0', 'g1', 'g2'],
      rejected: ['g3', 'g4'],
    });
  });

  it('is none without a majority that agrees, and none of nothing', () => {
    expect(average([0, 1_000, 2_000])).toBeUndefined();
    expect(average([0, 1, 1_000, 1_001])).toBeUndefined();
    expect(average([])).toBeUndefined();
  });

  it('lies within the honest clocks, give or take gamma, whatever a minority says', () => {
    const honest = fc.double({ min: -5, max: 5, noNaN: true });
    const lie = fc.double({ min: -1e7, max: 1e7, noNaN: true });
    const clocks = fc
      .integer({ min: 1, max: 4 })
      .chain((lies) =>
        fc.tuple(
          fc.array(honest, { minLength: lies + 1, maxLength: lies + 3 }),
          fc.array(lie, { minLength: lies, maxLength: lies }),
        ),
      );
    fc.assert(
      fc.property(clocks, ([truths, lies]) => {
        const averaged = average([...truths, ...lies]);
        expect(averaged).toBeDefined();
        expect(averaged!.offsetMs).toBeGreaterThanOrEqual(Math.min(...truths) - OPTIONS.gammaMs);
        expect(averaged!.offsetMs).toBeLessThanOrEqual(Math.max(...truths) + OPTIONS.gammaMs);
      }),
    );
  });

  it('does not depend on the order, and moves with the clocks', () => {
    const offsets = fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(offsets, fc.integer({ min: -1_000, max: 1_000 }), (all, shift) => {
        const straight = faultTolerantAverage(name, readings(all), OPTIONS);
        const turned = faultTolerantAverage(name, readings(all).toReversed(), OPTIONS);
        const moved = average(all.map((one) => one + shift));
        if (straight === undefined) {
          expect([turned, moved]).toEqual([undefined, undefined]);
          return;
        }
        expect(turned?.offsetMs).toBeCloseTo(straight.offsetMs, 9);
        expect(moved?.offsetMs).toBeCloseTo(straight.offsetMs + shift, 6);
      }),
    );
  });
});

describe('identical machines that share an error', () => {
  const clocks = [
    { name: 'pi-1', offsetMs: 500 },
    { name: 'pi-2', offsetMs: 501 },
    { name: 'pi-3', offsetMs: 502 },
    { name: 'server', offsetMs: 1 },
    { name: 'router', offsetMs: 0 },
  ];

  it('win by their number, unless others are trusted', () => {
    expect(faultTolerantAverage('cluster', clocks, OPTIONS)?.offsetMs).toBe(501);
    const trusting = { gammaMs: 20, trusted: ['server', 'router', 'away'] };
    const averaged = faultTolerantAverage('median', clocks, trusting);
    expect(averaged?.offsetMs).toBe(0.5);
    expect(averaged?.rejected).toEqual(['pi-1', 'pi-2', 'pi-3']);
  });
});

it('the median of an even number is between the two in the middle', () => {
  expect([medianOf([3, 1, 2]), medianOf([4, 1, 2, 3])]).toEqual([2, 2.5]);
});
