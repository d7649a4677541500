import { describe, expect, test } from 'vitest';
import type { Bench } from './bench.ts';

export function keysContract(bench: Bench): void {
  describe('keys', () => {
    test('a key that was never put is undefined', async () => {
      expect(await bench.store.get(bench.key('nothing'))).toBeUndefined();
    });

    test('gives back what was put, to every client', async () => {
      const { revision } = await bench.store.put(bench.key('a'), 'one');
      const expected = {
        key: bench.key('a'),
        value: 'one',
        createRevision: revision,
        modRevision: revision,
        version: 1,
        leaseId: '',
      };
      for (const store of bench.cluster.coordinators) expect(await store.get(bench.key('a'))).toEqual(expected);
    });

    test('a change raises version and modRevision, and leaves createRevision', async () => {
      const first = await bench.store.put(bench.key('a'), 'one');
      const second = await bench.other.put(bench.key('a'), 'two');
      expect(second.revision).toBeGreaterThan(first.revision);
      expect(await bench.store.get(bench.key('a'))).toMatchObject({
        value: 'two',
        createRevision: first.revision,
        modRevision: second.revision,
        version: 2,
      });
    });

    test('a put of the same value is a change too', async () => {
      await bench.store.put(bench.key('a'), 'same');
      const { revision } = await bench.store.put(bench.key('a'), 'same');
      expect(await bench.store.get(bench.key('a'))).toMatchObject({ version: 2, modRevision: revision });
    });

    test('a key that comes back begins a new life', async () => {
      const first = await bench.store.put(bench.key('a'), 'one');
      await bench.store.delete({ key: bench.key('a') });
      const second = await bench.store.put(bench.key('a'), 'two');
      const found = await bench.store.get(bench.key('a'));
      expect(found).toMatchObject({ createRevision: second.revision, version: 1 });
      expect(second.revision).toBe(first.revision + 2);
    });

    test('each change raises the revision by one, reads by none', async () => {
      const { revision } = await bench.store.put(bench.key('a'), '1');
      await bench.store.get(bench.key('a'));
      expect((await bench.other.put(bench.key('b'), '1')).revision).toBe(revision + 1);
      expect((await bench.store.delete({ key: bench.key('a') })).revision).toBe(revision + 2);
      expect((await bench.store.range(bench.all)).revision).toBe(revision + 2);
    });

    test('the empty value is a value', async () => {
      await bench.store.put(bench.key('a'), '');
      expect((await bench.store.get(bench.key('a')))?.value).toBe('');
    });

    test('keeps text of any script, and control characters', async () => {
      const text = 'ß 日本 😀 \u0000 \n \u{10FFFF} "quoted" \\';
      await bench.store.put(bench.key(text), text);
      expect(await bench.store.get(bench.key(text))).toMatchObject({ key: bench.key(text), value: text });
    });

    test('keeps a large value', async () => {
      const value = 'x'.repeat(250_000);
      await bench.store.put(bench.key('a'), value);
      expect((await bench.store.get(bench.key('a')))?.value).toBe(value);
    });

    test('many values together may be larger than one may be', async () => {
      const value = 'x'.repeat(250_000);
      for (let n = 0; n < 24; n++) await bench.store.put(bench.key(`a${n}`), value);
      const { keyValues } = await bench.store.range(bench.all);
      expect(keyValues.map((one) => one.value.length)).toEqual(Array(24).fill(250_000));
    });

    test('refuses the empty key', async () => {
      expect(await bench.code(bench.store.put('', 'value'))).toBe('COORDINATION_REJECTED');
      expect(await bench.code(bench.store.get(''))).toBe('COORDINATION_REJECTED');
      expect(await bench.code(bench.store.delete({ key: '' }))).toBe('COORDINATION_REJECTED');
    });

    test('refuses half of a surrogate pair, which UTF-8 cannot carry', async () => {
      expect(await bench.code(bench.store.put(bench.key('\ud800'), '1'))).toBe('COORDINATION_REJECTED');
      expect(await bench.code(bench.store.put(bench.key('a'), '\udfff'))).toBe('COORDINATION_REJECTED');
      expect(await bench.code(bench.store.range({ prefix: bench.key('\ud800') }))).toBe('COORDINATION_REJECTED');
      expect((await bench.store.range(bench.all)).keyValues).toEqual([]);
    });

    test('refuses a value that is too large, and goes on', async () => {
      expect(await bench.code(bench.store.put(bench.key('a'), 'x'.repeat(4_000_000)))).toBe('COORDINATION_REJECTED');
      expect(await bench.store.get(bench.key('a'))).toBeUndefined();
      await bench.store.put(bench.key('a'), 'small');
    });
  });

  describe('ranges', () => {
    test('come in the order of the UTF-8 bytes of their keys', async () => {
      // By UTF-16 units, as JavaScript compares, the last two would change places.
      const names = ['', '!', '10', '9', 'Z', 'a', 'a!', 'aa', 'b', 'ä', '日', '\u{FFFD}', '\u{1F600}'];
      for (const name of names.toReversed()) await bench.store.put(bench.key(name), name);
      const { keyValues } = await bench.store.range(bench.all);
      expect(bench.names(keyValues)).toEqual(names);
    });

    test('a prefix takes what begins with it, and the key itself', async () => {
      for (const name of ['a', 'a/1', 'a/2', 'a0', 'b', 'A']) await bench.store.put(bench.key(name), name);
      const under = async (prefix: string) =>
        bench.names((await bench.store.range({ prefix: bench.key(prefix) })).keyValues);
      expect(await under('a')).toEqual(['a', 'a/1', 'a/2', 'a0']);
      expect(await under('a/')).toEqual(['a/1', 'a/2']);
      expect(await under('c')).toEqual([]);
    });

    test('a prefix that ends in the last character of a plane', async () => {
      for (const name of ['\u{10FFFF}', '\u{10FFFF}a', '\u{7F}', '\u{7F}a', '\u{80}']) {
        await bench.store.put(bench.key(name), name);
      }
      const under = async (prefix: string) =>
        bench.names((await bench.store.range({ prefix: bench.key(prefix) })).keyValues);
      expect(await under('\u{10FFFF}')).toEqual(['\u{10FFFF}', '\u{10FFFF}a']);
      expect(await under('\u{7F}')).toEqual(['\u{7F}', '\u{7F}a']);
    });

    test('from is in, to is out', async () => {
      for (const name of ['a', 'b', 'c', 'd']) await bench.store.put(bench.key(name), name);
      const between = async (from: string, to: string) =>
        bench.names((await bench.store.range({ from: bench.key(from), to: bench.key(to) })).keyValues);
      expect(await between('b', 'd')).toEqual(['b', 'c']);
      expect(await between('a!', 'c!')).toEqual(['b', 'c']);
      expect(await between('b', 'b')).toEqual([]);
      expect(await between('d', 'a')).toEqual([]);
    });

    test('one key as a range', async () => {
      await bench.store.put(bench.key('a'), '1');
      await bench.store.put(bench.key('aa'), '2');
      expect(bench.names((await bench.store.range({ key: bench.key('a') })).keyValues)).toEqual(['a']);
    });

    test('a limit takes the first keys and says that there are more', async () => {
      for (const name of ['c', 'a', 'b']) await bench.store.put(bench.key(name), name);
      const take = async (limit: number) => {
        const { keyValues, hasMore } = await bench.store.range(bench.all, { limit });
        return { names: bench.names(keyValues), hasMore };
      };
      expect(await take(2)).toEqual({ names: ['a', 'b'], hasMore: true });
      expect(await take(3)).toEqual({ names: ['a', 'b', 'c'], hasMore: false });
      expect(await take(4)).toEqual({ names: ['a', 'b', 'c'], hasMore: false });
    });

    test('reads of each consistency give what this client has written', async () => {
      await bench.store.put(bench.key('a'), '1');
      for (const consistency of ['linearizable', 'lease'] as const) {
        expect((await bench.other.get(bench.key('a'), { consistency }))?.value).toBe('1');
      }
      await bench.elapseUntil(
        async () => (await bench.other.get(bench.key('a'), { consistency: 'serializable' }))?.value === '1',
        5_000,
      );
    });
  });

  describe('delete', () => {
    test('deletes a key and says how many', async () => {
      await bench.store.put(bench.key('a'), '1');
      expect((await bench.store.delete({ key: bench.key('a') })).deleted).toBe(1);
      expect(await bench.other.get(bench.key('a'))).toBeUndefined();
    });

    test('nothing to delete changes no revision', async () => {
      const { revision } = await bench.store.put(bench.key('a'), '1');
      expect(await bench.store.delete({ key: bench.key('b') })).toEqual({ revision, deleted: 0 });
    });

    test('a range goes at one revision, and its neighbours stay', async () => {
      for (const name of ['a', 'b', 'c', 'd']) await bench.store.put(bench.key(name), name);
      const { revision } = await bench.store.range(bench.all);
      const gone = await bench.store.delete({ from: bench.key('b'), to: bench.key('d') });
      expect(gone).toEqual({ revision: revision + 1, deleted: 2 });
      expect(bench.names((await bench.store.range(bench.all)).keyValues)).toEqual(['a', 'd']);
    });

    test('a prefix', async () => {
      for (const name of ['a', 'a/1', 'b']) await bench.store.put(bench.key(name), name);
      expect((await bench.store.delete({ prefix: bench.key('a') })).deleted).toBe(2);
      expect(bench.names((await bench.store.range(bench.all)).keyValues)).toEqual(['b']);
    });
  });
}
