import { describe, expect, test } from 'vitest';
import { codeOf } from '../../../core/errors/index.ts';
import { Election, type Leader } from '../../../gateway/coordination/index.ts';
import { altered, type RecipeBench, TTL_MS } from './recipe-bench.ts';

export function electionsContract(bench: RecipeBench): void {
  const election = (): Election => new Election(bench.key('election'));

  /** What an observer sees, as it comes. */
  function observe(store = bench.other): { seen: (Leader | undefined)[]; stop: () => Promise<void> } {
    const aborter = new AbortController();
    const seen: (Leader | undefined)[] = [];
    const done = (async () => {
      for await (const leader of election().observe(store, bench.deps, aborter.signal)) seen.push(leader);
    })();
    return {
      seen,
      async stop() {
        aborter.abort();
        await bench.settle(done);
      },
    };
  }

  describe('elections', () => {
    test('have one leader, whom everybody sees', async () => {
      const session = await bench.session();
      expect(await election().leader(bench.other)).toBeUndefined();
      const leadership = await election().campaign(session, 'one');
      expect(await election().leader(bench.other)).toEqual({ value: 'one', fencingToken: leadership.fencingToken });
      expect(leadership.isHeld()).toBe(true);
      await leadership.resign();
      expect(await election().leader(bench.other)).toBeUndefined();
      expect(codeOf(leadership.lost.reason)).toBe('LOCK_LOST');
      await session.close();
    });

    test('an observer sees each leader, what it proclaims, and when there is none', async () => {
      const [one, two] = [await bench.session(), await bench.session(bench.other)];
      const { seen, stop } = observe();
      const sees = (count: number) => bench.elapseUntil(async () => seen.length === count, 10_000);
      await sees(1);
      const first = await election().campaign(one, 'one');
      await sees(2);
      const next = election().campaign(two, 'two');
      await bench.elapseUntil(
        async () => (await bench.queue(`elections/${encodeURIComponent(bench.key('election'))}/`)).length === 2,
        10_000,
      );
      await first.proclaim('one, with news');
      await sees(3);
      await first.resign();
      const second = await bench.settle(next);
      await sees(4);
      await second.resign();
      await sees(5);
      await stop();
      const [a, b] = [first.fencingToken, second.fencingToken];
      expect(seen).toEqual([
        undefined,
        { value: 'one', fencingToken: a },
        { value: 'one, with news', fencingToken: a },
        { value: 'two', fencingToken: b },
        undefined,
      ]);
      expect(b).toBeGreaterThan(a);
      await Promise.all([one.close(), two.close()]);
    });

    test('a leader that dies is followed by the next', async () => {
      const client = await bench.cluster.connect();
      const dead = await election().campaign(await bench.session(client), 'dead');
      const { seen, stop } = observe();
      const session = await bench.session();
      const next = election().campaign(session, 'alive');
      await bench.elapse(100);
      await client.close();
      const leadership = await bench.settle(next, TTL_MS + 6_000);
      expect(dead.isHeld()).toBe(false);
      await bench.elapseUntil(async () => seen.at(-1)?.value === 'alive', 5_000);
      await stop();
      expect(seen.at(-1)?.fencingToken).toBe(leadership.fencingToken);
      await session.close();
    });

    test('who leads no more cannot proclaim', async () => {
      const session = await bench.session();
      const leadership = await election().campaign(session, 'one');
      await leadership.resign();
      expect(await bench.code(leadership.proclaim('still me'))).toBe('FENCED');
      expect(await election().leader(bench.store)).toBeUndefined();
      await session.close();
    });

    test('an observer goes on where the history was compacted', async () => {
      let watches = 0;
      const store = altered(bench.other, {
        watch: (range, options) =>
          bench.other.watch(range, ++watches === 1 ? { ...options, fromRevision: 1 } : options),
      });
      await bench.store.compact((await bench.store.put(bench.key('other'), '1')).revision);
      const session = await bench.session();
      const { seen, stop } = observe(store);
      await bench.elapseUntil(async () => watches === 2, 5_000);
      await election().campaign(session, 'one');
      await bench.elapseUntil(async () => seen.length === 2, 5_000);
      await stop();
      expect(seen.map((leader) => leader?.value)).toEqual([undefined, 'one']);
      await session.close();
    });

    test('a campaign may be given up', async () => {
      const session = await bench.session();
      await election().campaign(session, 'one');
      const call = election().campaign(await bench.session(bench.other), 'two', { timeoutMs: 200 });
      expect(await bench.code(bench.settle(call))).toBe('LOCK_TIMEOUT');
      expect((await election().leader(bench.store))?.value).toBe('one');
      await session.close();
    });
  });
}
