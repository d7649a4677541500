import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Point } from '../../../core/wire/index.ts';
import { type ParsedLine, parseLines, parseSeriesKey } from '../../../gateway/store/embedded/line-protocol/index.ts';
import { encodePoint, lineOf } from '../../../gateway/store/line-protocol/index.ts';

function parse(bytes: Buffer): { lines: ParsedLine[]; faults: string[] } {
  const lines: ParsedLine[] = [];
  const faults: string[] = [];
  parseLines(bytes, {
    line(line) {
      lines.push({ ...line, names: [...line.names], types: [...line.types], values: [...line.values] });
      return undefined;
    },
    malformed: (message) => faults.push(message),
  });
  return { lines, faults };
}

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => !/[\n\r]|\\$/.test(text));
const measurement = name.filter((text) => !/^[\s\0#]/.test(text));
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.boolean(),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const point: fc.Arbitrary<Point> = fc.record({
  measurement,
  tags: fc.dictionary(name, name, { maxKeys: 4 }),
  fields: fc.dictionary(name, value, { minKeys: 1, maxKeys: 4 }),
  timeNs: fc.bigInt({ min: -(2n ** 63n) + 2n, max: 2n ** 63n - 2n }),
});

describe('line protocol', () => {
  test('what the encoder writes, the parser reads', () => {
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 5 }), (points) => {
        const text = points.map((one) => lineOf(encodePoint(one) as Parameters<typeof lineOf>[0])).join('\n');
        const { lines, faults } = parse(Buffer.from(text));
        expect(faults).toEqual([]);
        const parsed = lines.map((line) => {
          const key = parseSeriesKey(line.key);
          if (typeof key === 'string') throw new Error(key);
          const values = line.values.map((one, at) => (line.types[at] === 'integer' ? BigInt(one as number) : one));
          return {
            measurement: key.measurement,
            tags: Object.fromEntries(key.tags),
            fields: Object.fromEntries(line.names.map((field, at) => [field, values[at]])),
            timeNs: line.stamp,
          };
        });
        expect(parsed).toEqual(points);
      }),
      { numRuns: 500 },
    );
  });

  const pieces = ['m', ',', ' ', '=', '\\', '\n', '1', 'i', 'é', 't', '-', '.', 'e', '#', '\0', '\r', 'm v=1 1\n'];

  test('every line is either taken or refused, or is empty or a comment', () => {
    const isLine = (line: string): boolean => /^[^#]/.test(line.replace(/\r$/, '').replace(/^[ \t\0]+/, ''));
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 60 }), (some) => {
        const text = some.join('');
        const { lines, faults } = parse(Buffer.from(text));
        expect(lines.length + faults.length).toBe(text.split('\n').filter(isLine).length);
      }),
      { numRuns: 2_000 },
    );
  });

  test('with quotes too, no bytes make the parser throw', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('"', ...pieces), { maxLength: 60 }), (some) => {
        const { lines, faults } = parse(Buffer.from(`${some.join('')}"\ngood v=1 7`));
        expect(lines.length + faults.length).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
  });
});
