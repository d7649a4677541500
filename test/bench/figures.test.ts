import { describe, expect, it } from 'vitest';
import { median, percentile, ratioOf } from './figures.ts';

describe('median', () => {
  it('is the middle value, or the mean of two', () => {
    expect([median([3]), median([9, 1, 10]), median([4, 1, 2, 100])]).toEqual([3, 9, 3]);
  });

  it('is not made up for no values', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('percentile', () => {
  it('is the value that the part of all values does not exceed', () => {
    const values = Array.from({ length: 100 }, (_, at) => 100 - at);
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)]).toEqual([50, 99, 100]);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it('is not made up for no values', () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });
});

describe('ratioOf', () => {
  const medianOfAll = (rounds: readonly number[][]) => median(rounds.flat());

  it('makes the ratio of all rounds, and of each for the least and the most', () => {
    const ours = [[1, 1, 1], [4]];
    const peers = [
      [2, 2],
      [4, 4],
    ];
    expect(ratioOf(ours, peers, medianOfAll)).toEqual({ median: 0.333, min: 0.5, max: 1 });
  });

  it('has none to a peer of 0', () => {
    expect(ratioOf([[1]], [[0]], medianOfAll)).toBeNull();
  });
});
