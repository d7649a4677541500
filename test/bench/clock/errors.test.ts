import { describe, expect, it } from 'vitest';
import { errorsOf, summaryOf } from './errors.ts';

describe('errors of a clock', () => {
  it('are what it showed beside the master at the same moments, from one on', () => {
    const member = [
      [100, 5_100.5, 1],
      [200, 5_200.25, 1],
      [300, 5_299, 2],
    ] as [number, number, number][];
    const master = [
      [100, 5_100, 0],
      [200, 5_200, 0],
      [300, 5_300, 0],
      [400, 5_400, 0],
    ] as [number, number, number][];
    expect(errorsOf(member, master, 200)).toEqual([
      { atMs: 200, errorMs: 0.25, uncertaintyMs: 1 },
      { atMs: 300, errorMs: -1, uncertaintyMs: 2 },
    ]);
  });

  it('leave out moments that the master did not tell of', () => {
    expect(errorsOf([[100, 5_100, 1]], [[200, 5_200, 0]], 0)).toEqual([]);
  });

  it('are summed up without their sign, and those beyond what was stated are counted', () => {
    const errors = [0.1, -0.2, 0.3, -0.4].map((errorMs, at) => ({ atMs: at, errorMs, uncertaintyMs: 0.3 }));
    expect(summaryOf(errors)).toEqual({
      samples: 4,
      p50Us: 200,
      p99Us: 400,
      maxUs: 400,
      uncertaintyP50Us: 300,
      uncertaintyMaxUs: 300,
      violations: 1,
    });
  });

  it('of nothing are none', () => {
    expect(() => summaryOf([])).toThrow(RangeError);
  });
});
