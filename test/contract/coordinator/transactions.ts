import { describe, expect, test } from 'vitest';
import type { Compare, Coordinator, Operation } from '../../../gateway/coordination/index.ts';
import type { Bench } from './bench.ts';

export function transactionsContract(bench: Bench): void {
  const put = (name: string, value: string): Operation => ({ op: 'put', key: bench.key(name), value });
  const holds = async (...compare: Compare[]): Promise<boolean> =>
    (await bench.store.transaction({ compare, success: [], failure: [] })).succeeded;

  describe('comparisons', () => {
    test('of version', async () => {
      await bench.store.put(bench.key('a'), '1');
      await bench.store.put(bench.key('a'), '2');
      const version = (op: Compare['op'], value: number): Compare => ({
        key: bench.key('a'),
        target: 'version',
        op,
        value,
      });
      expect(await holds(version('=', 2))).toBe(true);
      expect(await holds(version('=', 1))).toBe(false);
      expect(await holds(version('!=', 1))).toBe(true);
      expect(await holds(version('!=', 2))).toBe(false);
      expect(await holds(version('<', 3))).toBe(true);
      expect(await holds(version('<', 2))).toBe(false);
      expect(await holds(version('>', 1))).toBe(true);
      expect(await holds(version('>', 2))).toBe(false);
    });

    test('of createRevision and modRevision', async () => {
      const created = (await bench.store.put(bench.key('a'), '1')).revision;
      const changed = (await bench.store.put(bench.key('a'), '2')).revision;
      const key = bench.key('a');
      expect(await holds({ key, target: 'createRevision', op: '=', value: created })).toBe(true);
      expect(await holds({ key, target: 'createRevision', op: '>', value: created })).toBe(false);
      expect(await holds({ key, target: 'modRevision', op: '=', value: changed })).toBe(true);
      expect(await holds({ key, target: 'modRevision', op: '<', value: changed })).toBe(false);
    });

    test('of values, by their UTF-8 bytes', async () => {
      const key = bench.key('a');
      await bench.store.put(key, '\u{FFFD}');
      expect(await holds({ key, target: 'value', op: '=', value: '\u{FFFD}' })).toBe(true);
      expect(await holds({ key, target: 'value', op: '!=', value: '\u{FFFD}' })).toBe(false);
      expect(await holds({ key, target: 'value', op: '<', value: '\u{1F600}' })).toBe(true);
      expect(await holds({ key, target: 'value', op: '>', value: 'z' })).toBe(true);
      expect(await holds({ key, target: 'value', op: '>', value: '\u{FFFD}\u{FFFD}' })).toBe(false);
    });

    test('of leases', async () => {
      const lease = await bench.store.grantLease(60_000);
      await bench.store.put(bench.key('held'), '1', { leaseId: lease.id });
      await bench.store.put(bench.key('free'), '1');
      const leaseId = (name: string, op: '=' | '!=', value: string): Compare => ({
        key: bench.key(name),
        target: 'leaseId',
        op,
        value,
      });
      expect(await holds(leaseId('held', '=', lease.id))).toBe(true);
      expect(await holds(leaseId('held', '!=', lease.id))).toBe(false);
      expect(await holds(leaseId('held', '=', ''))).toBe(false);
      expect(await holds(leaseId('free', '=', ''))).toBe(true);
      await bench.store.revokeLease(lease.id);
    });

    test('a key that is not there has numbers of 0, no lease, and no value to compare', async () => {
      const key = bench.key('nothing');
      for (const target of ['version', 'createRevision', 'modRevision'] as const) {
        expect(await holds({ key, target, op: '=', value: 0 })).toBe(true);
        expect(await holds({ key, target, op: '>', value: 0 })).toBe(false);
        expect(await holds({ key, target, op: '<', value: 1 })).toBe(true);
      }
      expect(await holds({ key, target: 'leaseId', op: '=', value: '' })).toBe(true);
      for (const op of ['=', '!=', '<', '>'] as const) {
        expect(await holds({ key, target: 'value', op, value: '' })).toBe(false);
        expect(await holds({ key, target: 'value', op, value: 'a' })).toBe(false);
      }
    });

    test('all must hold; none at all hold', async () => {
      await bench.store.put(bench.key('a'), '1');
      const good: Compare = { key: bench.key('a'), target: 'value', op: '=', value: '1' };
      const bad: Compare = { key: bench.key('a'), target: 'version', op: '=', value: 7 };
      expect(await holds(good, good)).toBe(true);
      expect(await holds(good, bad)).toBe(false);
      expect(await holds()).toBe(true);
    });
  });

  describe('transactions', () => {
    test('carry out success or failure, never both', async () => {
      await bench.store.put(bench.key('a'), '1');
      const swap = (value: string) =>
        bench.store.transaction({
          compare: [{ key: bench.key('a'), target: 'value', op: '=', value }],
          success: [put('yes', value)],
          failure: [put('no', value)],
        });
      expect((await swap('1')).succeeded).toBe(true);
      expect((await swap('2')).succeeded).toBe(false);
      expect((await bench.store.get(bench.key('yes')))?.value).toBe('1');
      expect((await bench.store.get(bench.key('no')))?.value).toBe('2');
    });

    test('change everything at one revision', async () => {
      await bench.store.put(bench.key('gone'), '1');
      const { revision } = await bench.store.put(bench.key('a'), '1');
      const result = await bench.store.transaction({
        compare: [],
        success: [put('a', '2'), put('b', '1'), { op: 'delete', range: { key: bench.key('gone') } }],
        failure: [],
      });
      expect(result.revision).toBe(revision + 1);
      const { keyValues } = await bench.store.range(bench.all);
      expect(keyValues.map(({ modRevision }) => modRevision)).toEqual([revision + 1, revision + 1]);
    });

    test('that change nothing take no revision', async () => {
      const { revision } = await bench.store.put(bench.key('a'), '1');
      const result = await bench.store.transaction({
        compare: [],
        success: [
          { op: 'get', range: bench.all },
          { op: 'delete', range: { key: bench.key('nothing') } },
        ],
        failure: [],
      });
      expect(result.revision).toBe(revision);
    });

    test('give back what was there before', async () => {
      await bench.store.put(bench.key('a'), 'old');
      await bench.store.put(bench.key('gone/1'), '1');
      await bench.store.put(bench.key('gone/2'), '2');
      const { results } = await bench.store.transaction({
        compare: [],
        success: [put('a', 'new'), put('b', 'new'), { op: 'delete', range: { prefix: bench.key('gone/') } }],
        failure: [],
      });
      expect(results).toEqual([
        { op: 'put', previous: expect.objectContaining({ key: bench.key('a'), value: 'old', version: 1 }) },
        { op: 'put' },
        {
          op: 'delete',
          deleted: [
            expect.objectContaining({ key: bench.key('gone/1'), value: '1' }),
            expect.objectContaining({ key: bench.key('gone/2'), value: '2' }),
          ],
        },
      ]);
    });

    test('operations see what those before them did', async () => {
      const { results, revision } = await bench.store.transaction({
        compare: [],
        success: [
          { op: 'get', range: bench.all },
          put('a', '1'),
          { op: 'get', range: bench.all },
          put('b', '2'),
          { op: 'get', range: bench.all, limit: 1 },
        ],
        failure: [],
      });
      const a = expect.objectContaining({ value: '1', createRevision: revision, modRevision: revision, version: 1 });
      expect(results).toEqual([
        { op: 'get', keyValues: [], hasMore: false },
        { op: 'put' },
        { op: 'get', keyValues: [a], hasMore: false },
        { op: 'put' },
        { op: 'get', keyValues: [a], hasMore: true },
      ]);
    });

    test('that put under an unknown lease change nothing', async () => {
      const lease = await bench.store.grantLease(60_000);
      await bench.store.revokeLease(lease.id);
      const call = bench.store.transaction({
        compare: [],
        success: [put('a', '1'), { op: 'put', key: bench.key('b'), value: '1', leaseId: lease.id }],
        failure: [],
      });
      expect(await bench.code(call)).toBe('LEASE_NOT_FOUND');
      expect((await bench.store.range(bench.all)).keyValues).toEqual([]);
    });

    test('change a key once: twice is refused, whole', async () => {
      const refused = async (...success: Operation[]) =>
        bench.code(bench.store.transaction({ compare: [], success, failure: [] }));
      expect(await refused(put('a', '1'), put('a', '2'))).toBe('COORDINATION_REJECTED');
      expect(await refused(put('a', '1'), { op: 'delete', range: bench.all })).toBe('COORDINATION_REJECTED');
      expect(await refused({ op: 'delete', range: { key: bench.key('a') } }, put('a', '1'))).toBe(
        'COORDINATION_REJECTED',
      );
      expect((await bench.store.range(bench.all)).keyValues).toEqual([]);
    });

    test('the two branches may change the same key', async () => {
      const { succeeded } = await bench.store.transaction({
        compare: [{ key: bench.key('a'), target: 'version', op: '=', value: 0 }],
        success: [put('a', 'made')],
        failure: [put('a', 'changed')],
      });
      expect(succeeded).toBe(true);
    });

    test('of too many operations are refused', async () => {
      const success = Array.from({ length: 1_000 }, (_, n) => put(`a${n}`, '1'));
      expect(await bench.code(bench.store.transaction({ compare: [], success, failure: [] }))).toBe(
        'COORDINATION_REJECTED',
      );
      expect((await bench.store.range(bench.all)).keyValues).toEqual([]);
    });

    test('of a hundred operations are taken', async () => {
      const success = Array.from({ length: 100 }, (_, n) => put(`a${n}`, '1'));
      await bench.store.transaction({ compare: [], success, failure: [] });
      expect((await bench.store.range(bench.all)).keyValues).toHaveLength(100);
    });
  });

  describe('several clients', () => {
    async function increment(store: Coordinator, key: string): Promise<void> {
      for (;;) {
        const found = await store.get(key);
        const { succeeded } = await store.transaction({
          compare: [{ key, target: 'modRevision', op: '=', value: found?.modRevision ?? 0 }],
          success: [{ op: 'put', key, value: String(Number(found?.value ?? 0) + 1) }],
          failure: [],
        });
        if (succeeded) return;
      }
    }

    test('lose no increment by compare-and-set', async () => {
      const key = bench.key('count');
      const each = 15;
      await bench.settle(
        Promise.all(
          bench.cluster.coordinators.map(async (store) => {
            for (let n = 0; n < each; n++) await increment(store, key);
          }),
        ),
        25_000,
      );
      const total = each * bench.cluster.coordinators.length;
      expect(await bench.store.get(key)).toMatchObject({ value: String(total), version: total });
    });

    test('one alone creates a key', async () => {
      const key = bench.key('a');
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          bench.cluster.coordinators[n % bench.cluster.coordinators.length]!.transaction({
            compare: [{ key, target: 'createRevision', op: '=', value: 0 }],
            success: [{ op: 'put', key, value: String(n) }],
            failure: [{ op: 'get', range: { key } }],
          }),
        ),
      );
      const winner = results.findIndex(({ succeeded }) => succeeded);
      expect(results.filter(({ succeeded }) => succeeded)).toHaveLength(1);
      for (const { succeeded, results: got } of results) {
        if (succeeded) continue;
        expect(got).toEqual([
          { op: 'get', keyValues: [expect.objectContaining({ value: String(winner) })], hasMore: false },
        ]);
      }
    });

    test('writes at once each have a revision of their own', async () => {
      const revisions = await Promise.all(
        Array.from({ length: 60 }, async (_, n) => {
          const store = bench.cluster.coordinators[n % bench.cluster.coordinators.length]!;
          return (await store.put(bench.key(`a${n}`), '1')).revision;
        }),
      );
      const sorted = revisions.toSorted((a, b) => a - b);
      expect(sorted.at(-1)! - sorted[0]!).toBe(59);
      expect(new Set(revisions).size).toBe(60);
    });
  });
}
