import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyIndex } from '../../../../gateway/coordination/state/key-index.ts';
import { compareKeys, rangeIncludes } from '../../../../gateway/coordination/state/keys.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\u{e9}', '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{10000}') });

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

describe('the order of keys', () => {
  it('is that of their UTF-8 bytes', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(byBytes(a, b));
      }),
    );
  });

  it('puts the end of a range outside, and its begin inside', () => {
    expect(['a', 'b', 'b\u{1f600}', 'c'].filter((key) => rangeIncludes({ from: 'b', to: 'c' }, key))).toEqual([
      'b',
      'b\u{1f600}',
    ]);
    expect(rangeIncludes({ from: 'c', to: 'a' }, 'b')).toBe(false);
  });
});

describe('KeyIndex', () => {
  it('walks in order from any key on, whatever was added and deleted, over many chunks', () => {
    const key = fc.integer({ min: 0, max: 4_000 }).map((number) => `k${number * 7_919}`);
    fc.assert(
      fc.property(fc.array(key, { maxLength: 3_000, size: 'max' }), fc.array(key), key, (added, deleted, from) => {
        const index = new KeyIndex<{ key: string }>();
        const model = new Set<string>();
        for (const one of added) {
          if (!model.has(one)) index.add({ key: one });
          model.add(one);
        }
        for (const one of deleted) {
          index.delete(one);
          model.delete(one);
        }
        const expected = [...model].filter((one) => byBytes(one, from) >= 0).sort(byBytes);
        expect([...index.from(from)].map((item) => item.key)).toEqual(expected);
        for (const one of [...added, ...deleted]) expect(index.get(one)?.key).toBe(model.has(one) ? one : undefined);
      }),
      { numRuns: 30 },
    );
  });

  it('keeps 2,000 keys that come in order, and loses them again', () => {
    const index = new KeyIndex<{ key: string }>();
    const keys = Array.from({ length: 2_000 }, (_, at) => `key-${String(at).padStart(4, '0')}`);
    for (const key of keys) index.add({ key });
    expect([...index.from('')].map(({ key }) => key)).toEqual(keys);
    for (const key of keys) index.delete(key);
    expect([...index.from('')]).toEqual([]);
  });
});
