import { describe, expect, test } from 'vitest';
import type { Bench } from './bench.ts';

export function historyContract(bench: Bench): void {
  /** Three values of one key, and the revision of each. */
  async function threeLives(): Promise<number[]> {
    const revisions: number[] = [];
    for (const value of ['one', 'two', 'three']) {
      revisions.push((await bench.store.put(bench.key('a'), value)).revision);
    }
    return revisions;
  }

  describe('history', () => {
    test('reads as of a revision', async () => {
      const [one, two, three] = await threeLives();
      const at = async (revision: number) => (await bench.other.get(bench.key('a'), { revision }))?.value;
      expect([await at(one! - 1), await at(one!), await at(two!), await at(three!)]).toEqual([
        undefined,
        'one',
        'two',
        'three',
      ]);
    });

    test('a range as of a revision has what was deleted since, and not what came since', async () => {
      await bench.store.put(bench.key('a'), '1');
      const { revision } = await bench.store.put(bench.key('b'), '1');
      await bench.store.delete({ key: bench.key('a') });
      await bench.store.put(bench.key('c'), '1');
      const past = await bench.store.range(bench.all, { revision });
      expect(bench.names(past.keyValues)).toEqual(['a', 'b']);
      expect(past.revision).toBe(revision + 2);
    });

    test('a revision that has not been reached is REVISION_IN_FUTURE', async () => {
      const { revision } = await bench.store.put(bench.key('a'), '1');
      expect(await bench.code(bench.store.get(bench.key('a'), { revision: revision + 10 }))).toBe('REVISION_IN_FUTURE');
      expect(await bench.code(bench.store.compact(revision + 10))).toBe('REVISION_IN_FUTURE');
    });

    test('what was compacted cannot be read; the revision itself and later ones can', async () => {
      const [one, two, three] = await threeLives();
      await bench.store.compact(two!);
      const at = (revision: number) => bench.store.get(bench.key('a'), { revision });
      expect(await bench.code(at(one!))).toBe('REVISION_COMPACTED');
      expect((await at(two!))?.value).toBe('two');
      expect((await at(three!))?.value).toBe('three');
      expect((await bench.store.get(bench.key('a')))?.version).toBe(3);
    });

    test('a watch from before the compaction is REVISION_COMPACTED, a later one is not', async () => {
      const [one, two, three] = await threeLives();
      await bench.store.compact(three!);
      expect(await bench.code(bench.settle(bench.take(bench.all, 1, one!)))).toBe('REVISION_COMPACTED');
      expect(await bench.code(bench.settle(bench.take(bench.all, 1, two!)))).toBe('REVISION_COMPACTED');
      await bench.store.put(bench.key('a'), 'four');
      const [batch] = await bench.take(bench.all, 1, three! + 1);
      expect(batch?.revision).toBe(three! + 1);
    });

    test('a watch that is under way lives through a compaction', async () => {
      const [, , three] = await threeLives();
      const watching = bench.take(bench.all, 3, three!);
      await bench.store.put(bench.key('a'), 'four');
      await bench.elapse(100);
      await bench.store.compact(three! + 1);
      await bench.store.put(bench.key('a'), 'five');
      const batches = await bench.settle(watching);
      expect(batches.map(({ revision }) => revision)).toEqual([three!, three! + 1, three! + 2]);
    });

    test('is compacted once', async () => {
      const [, two, three] = await threeLives();
      await bench.store.compact(three!);
      expect(await bench.code(bench.store.compact(three!))).toBe('REVISION_COMPACTED');
      expect(await bench.code(bench.store.compact(two!))).toBe('REVISION_COMPACTED');
    });

    test('compaction changes neither keys nor the revision', async () => {
      await bench.store.put(bench.key('gone'), '1');
      await bench.store.delete({ key: bench.key('gone') });
      const [, , three] = await threeLives();
      const before = await bench.store.range(bench.all);
      await bench.store.compact(three!);
      expect(await bench.other.range(bench.all)).toEqual(before);
    });
  });
}
