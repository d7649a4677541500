import { describe, expect, test } from 'vitest';
import type { WatchBatch } from '../../../gateway/coordination/index.ts';
import type { Bench } from './bench.ts';

export function watchesContract(bench: Bench): void {
  /** Revision after everything so far, so that a watch can begin there. */
  const nextRevision = async (): Promise<number> => (await bench.store.range(bench.all)).revision + 1;

  describe('watches', () => {
    test('from a past revision, in order, each revision once', async () => {
      const from = await nextRevision();
      for (let n = 0; n < 20; n++) await bench.store.put(bench.key(`a${n % 3}`), String(n));
      const batches = await bench.take(bench.all, 20, from);
      expect(batches.map(({ revision }) => revision)).toEqual(Array.from({ length: 20 }, (_, n) => from + n));
      expect(batches.map(({ events }) => events.map((e) => (e.type === 'put' ? e.keyValue.value : e.type)))).toEqual(
        Array.from({ length: 20 }, (_, n) => [String(n)]),
      );
    });

    test('without a revision they begin in the present, and leave out nothing after their first change', async () => {
      const past = (await bench.store.put(bench.key('past'), '1')).revision;
      const aborter = new AbortController();
      const seen: number[] = [];
      const watching = (async () => {
        for await (const { revision } of bench.store.watch(bench.all, { signal: aborter.signal })) seen.push(revision);
      })();
      const put: number[] = [];
      await bench.elapseUntil(async () => {
        put.push((await bench.other.put(bench.key('a'), String(put.length))).revision);
        return seen.length > 0;
      }, 10_000);
      for (let n = 0; n < 5; n++) put.push((await bench.other.put(bench.key('a'), '1')).revision);
      await bench.elapseUntil(async () => seen.at(-1) === put.at(-1), 10_000);
      aborter.abort();
      await watching;
      expect(seen[0]).toBeGreaterThan(past);
      expect(seen).toEqual(put.slice(put.indexOf(seen[0]!)));
    });

    test('a change is a put with the key as it is and as it was', async () => {
      const from = await nextRevision();
      await bench.store.put(bench.key('a'), 'one');
      await bench.store.put(bench.key('a'), 'two');
      const [first, second] = await bench.take({ key: bench.key('a') }, 2, from);
      expect(first?.events).toEqual([
        {
          type: 'put',
          keyValue: {
            key: bench.key('a'),
            value: 'one',
            createRevision: from,
            modRevision: from,
            version: 1,
            leaseId: '',
          },
        },
      ]);
      expect(second?.events).toEqual([
        {
          type: 'put',
          keyValue: expect.objectContaining({ value: 'two', version: 2, modRevision: from + 1 }),
          previous: expect.objectContaining({ value: 'one', version: 1, modRevision: from }),
        },
      ]);
    });

    test('a delete has the revision and the key as it was', async () => {
      const { revision } = await bench.store.put(bench.key('a'), 'one');
      await bench.store.delete({ key: bench.key('a') });
      const [batch] = await bench.take({ key: bench.key('a') }, 1, revision + 1);
      expect(batch).toEqual({
        revision: revision + 1,
        events: [
          {
            type: 'delete',
            key: bench.key('a'),
            revision: revision + 1,
            previous: expect.objectContaining({ value: 'one', modRevision: revision }),
          },
        ],
      });
    });

    test('what a transaction changes comes in one batch', async () => {
      await bench.store.put(bench.key('c'), 'old');
      const from = await nextRevision();
      await bench.store.transaction({
        compare: [],
        success: [
          { op: 'put', key: bench.key('b'), value: '1' },
          { op: 'put', key: bench.key('a'), value: '2' },
          { op: 'delete', range: { key: bench.key('c') } },
        ],
        failure: [],
      });
      await bench.store.put(bench.key('d'), 'after');
      const batches = await bench.take(bench.all, 2, from);
      expect(batches.map(({ revision }) => revision)).toEqual([from, from + 1]);
      expect(changesOf(batches[0]!)).toEqual(new Set([bench.key('a'), bench.key('b'), bench.key('c')]));
    });

    test('what a range delete takes comes in one batch', async () => {
      for (let n = 0; n < 50; n++) await bench.store.put(bench.key(`a${n}`), '1');
      const from = await nextRevision();
      await bench.store.delete(bench.all);
      const [batch] = await bench.take(bench.all, 1, from);
      expect(batch?.events).toHaveLength(50);
    });

    test('see their range alone', async () => {
      const from = await nextRevision();
      for (const name of ['a', 'b/1', 'b/2', 'b0', 'c']) await bench.store.put(bench.key(name), name);
      const names = (batches: WatchBatch[]) =>
        bench.names(batches.flatMap((b) => [...changesOf(b)].map((key) => ({ key }))));
      expect(names(await bench.take({ prefix: bench.key('b/') }, 2, from))).toEqual(['b/1', 'b/2']);
      expect(names(await bench.take({ from: bench.key('b/2'), to: bench.key('c') }, 2, from))).toEqual(['b/2', 'b0']);
      expect(names(await bench.take({ key: bench.key('c') }, 1, from))).toEqual(['c']);
    });

    test('of a range where nothing happens stay silent while others change', async () => {
      const aborter = new AbortController();
      const from = await nextRevision();
      const seen: WatchBatch[] = [];
      const watching = (async () => {
        for await (const batch of bench.store.watch(
          { key: bench.key('quiet') },
          { fromRevision: from, signal: aborter.signal },
        )) {
          seen.push(batch);
        }
      })();
      for (let n = 0; n < 5; n++) await bench.store.put(bench.key('loud'), '1');
      await bench.take({ key: bench.key('loud') }, 5, from);
      await bench.store.put(bench.key('quiet'), '1');
      await bench.elapseUntil(async () => seen.length > 0, 10_000);
      aborter.abort();
      await watching;
      expect(seen).toHaveLength(1);
    });

    test('see the changes of every client, all in the same order', async () => {
      const from = await nextRevision();
      const stores = bench.cluster.coordinators;
      const views = stores.map((store) => bench.take(bench.all, 30, from, store));
      await Promise.all(
        Array.from({ length: 30 }, (_, n) => stores[n % stores.length]!.put(bench.key('a'), String(n))),
      );
      const [first, ...others] = await bench.settle(Promise.all(views));
      for (const other of others) expect(other).toEqual(first);
    });

    test('from a revision that is still to come begin there', async () => {
      const from = (await nextRevision()) + 2;
      const watching = bench.take(bench.all, 1, from);
      for (let n = 0; n < 3; n++) await bench.store.put(bench.key('a'), String(n));
      const [batch] = await bench.settle(watching);
      expect(batch?.revision).toBe(from);
    });

    test('a slow reader loses nothing', async () => {
      const from = await nextRevision();
      const aborter = new AbortController();
      const value = 'x'.repeat(10_000);
      const watch = bench.store
        .watch(bench.all, { fromRevision: from, signal: aborter.signal })
        [Symbol.asyncIterator]();
      await bench.store.put(bench.key('a'), value);
      const revisions = [(await watch.next()).value!.revision];
      for (let n = 1; n < 300; n += 50) {
        await Promise.all(Array.from({ length: 50 }, () => bench.store.put(bench.key('a'), value)));
      }
      while (revisions.length < 301) revisions.push((await watch.next()).value!.revision);
      aborter.abort();
      await watch.return?.();
      expect(revisions).toEqual(Array.from({ length: 301 }, (_, n) => from + n));
    });

    test('end when they are aborted, before and while they wait', async () => {
      expect(
        await bench.collect(bench.store.watch(bench.all, { fromRevision: 1, signal: AbortSignal.abort() })),
      ).toEqual([]);
      const aborter = new AbortController();
      const from = await nextRevision();
      const waiting = bench.collect(bench.store.watch(bench.all, { fromRevision: from, signal: aborter.signal }));
      await bench.elapse(50);
      aborter.abort();
      expect(await bench.settle(waiting)).toEqual([]);
    });

    test('can be left in the midst', async () => {
      const from = await nextRevision();
      for (let n = 0; n < 5; n++) await bench.store.put(bench.key('a'), '1');
      expect(await bench.take(bench.all, 1, from)).toHaveLength(1);
      expect(await bench.take(bench.all, 5, from)).toHaveLength(5);
    });

    test('the end of a lease is seen as deletes', async () => {
      const lease = await bench.store.grantLease(60_000);
      await bench.store.put(bench.key('a'), '1', { leaseId: lease.id });
      await bench.store.put(bench.key('b'), '1', { leaseId: lease.id });
      const from = await nextRevision();
      await bench.store.revokeLease(lease.id);
      const [batch] = await bench.take(bench.all, 1, from);
      expect(batch?.events.map(({ type }) => type)).toEqual(['delete', 'delete']);
      expect(changesOf(batch!)).toEqual(new Set([bench.key('a'), bench.key('b')]));
    });
  });
}

function changesOf(batch: WatchBatch): Set<string> {
  return new Set(batch.events.map((event) => (event.type === 'put' ? event.keyValue.key : event.key)));
}
