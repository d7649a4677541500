import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IntervalSet } from '../../../gateway/account/index.ts';

const operation = fc.oneof(
  fc.integer({ min: 1, max: 60 }).map((value) => [value, value] as const),
  fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 12 }))
    .map(([from, extra]) => [from, from + extra] as const),
);

describe('IntervalSet', () => {
  it('behaves like a set of numbers, whatever is added in whatever order', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const set = new IntervalSet();
        const model = new Set<number>();
        for (const [from, to] of operations) {
          const before = model.size;
          for (let value = from; value <= to; value++) model.add(value);
          const added = from === to ? Number(set.add(from)) : set.addRange(from, to);
          expect(added).toBe(model.size - before);
        }
        expect(set.size).toBe(model.size);
        expect(set.max).toBe(Math.max(0, ...model));
        for (let value = 0; value <= 75; value++) expect(set.has(value)).toBe(model.has(value));
        expect(set.missingIn(10, 50)).toBe(
          Array.from({ length: 41 }, (_, i) => i + 10).filter((v) => !model.has(v)).length,
        );
      }),
    );
  });

  it('keeps ranges in order, apart and as few as can be', () => {
    const set = new IntervalSet();
    for (const value of [5, 1, 3, 2, 9, 4]) set.add(value);
    expect(set.ranges).toEqual([
      [1, 5],
      [9, 9],
    ]);
  });

  it('does not change what it was made from', () => {
    const ranges: [number, number][] = [[1, 2]];
    new IntervalSet(ranges).add(3);
    expect(ranges).toEqual([[1, 2]]);
  });
});
