import { describe, expect, test } from 'vitest';
import type { Bench } from './bench.ts';

export function faultsContract(bench: Bench): void {
  describe('status', () => {
    test('names the leader among the members, and the revision', async () => {
      const { revision } = await bench.store.put(bench.key('a'), '1');
      const status = await bench.store.status();
      expect(status.members.map(({ name }) => name)).toContain(status.leader);
      expect(status.members.every(({ role }) => role === 'voter')).toBe(true);
      expect(status.revision).toBeGreaterThanOrEqual(revision);
      expect(status.term).toBeGreaterThan(0);
    });
  });

  describe('faults', () => {
    test('a call that is aborted before it is sent changes nothing', async () => {
      const signal = AbortSignal.abort();
      expect(await bench.code(bench.store.put(bench.key('a'), '1', { signal }))).toBe('COORDINATION_UNAVAILABLE');
      expect(await bench.store.get(bench.key('a'))).toBeUndefined();
    });

    test('a store that is silent is COORDINATION_TIMEOUT in time, and works when it is back', async () => {
      const goOn = await bench.cluster.hang();
      const startMs = performance.now();
      const codes = bench.settle(
        Promise.all([
          bench.code(bench.store.put(bench.key('a'), '1', { timeoutMs: 300 })),
          bench.code(bench.store.get(bench.key('a'), { timeoutMs: 300 })),
          bench.code(bench.store.grantLease(1_000, { timeoutMs: 300 })),
        ]),
      );
      expect(await codes).toEqual(['COORDINATION_TIMEOUT', 'COORDINATION_TIMEOUT', 'COORDINATION_TIMEOUT']);
      expect(performance.now() - startMs).toBeLessThan(3_000);
      await goOn();
      await bench.settle(bench.store.put(bench.key('b'), '1'));
      expect((await bench.settle(bench.store.get(bench.key('b'))))?.value).toBe('1');
    });

    test('a call under way ends at once when it is aborted', async () => {
      const goOn = await bench.cluster.hang();
      const aborter = new AbortController();
      const call = bench.code(bench.store.put(bench.key('a'), '1', { signal: aborter.signal }));
      await bench.elapse(50);
      aborter.abort();
      expect(await call).toBe('COORDINATION_TIMEOUT');
      await goOn();
    });

    test('a watch lives through a restart of the store, and no revision is lost or comes twice', async () => {
      const { revision } = await bench.store.put(bench.key('a'), 'before');
      const watching = bench.take(bench.all, 11, revision, bench.other);
      await bench.elapse(100);
      await bench.cluster.restart();
      const revisions = [revision];
      for (let n = 0; n < 10; n++) {
        const put = await bench.settle(bench.store.put(bench.key('a'), String(n)), 20_000);
        revisions.push(put.revision);
      }
      const batches = await bench.settle(watching, 20_000);
      expect(batches.map((batch) => batch.revision)).toEqual(revisions);
    });

    test('what was acknowledged is there after a restart, leases too', async () => {
      const lease = await bench.store.grantLease(60_000);
      const { revision } = await bench.store.put(bench.key('a'), '1', { leaseId: lease.id });
      await bench.cluster.restart();
      expect(await bench.settle(bench.store.get(bench.key('a')), 20_000)).toMatchObject({
        value: '1',
        modRevision: revision,
        leaseId: lease.id,
      });
      await bench.store.keepAlive(lease.id);
      await bench.store.revokeLease(lease.id);
      expect(await bench.store.get(bench.key('a'))).toBeUndefined();
    });

    test('a client that is closed ends what is under way, and serves nothing more', async () => {
      const client = await bench.cluster.connect();
      await client.put(bench.key('a'), '1');
      const watching = bench.code(bench.collect(client.watch(bench.all, { signal: new AbortController().signal })));
      await bench.elapse(50);
      await client.close();
      expect(await bench.settle(watching)).toBe('COORDINATION_UNAVAILABLE');
      expect(await bench.code(client.get(bench.key('a')))).toBe('COORDINATION_UNAVAILABLE');
      expect(await bench.code(client.put(bench.key('a'), '2'))).toBe('COORDINATION_UNAVAILABLE');
      await client.close();
      expect((await bench.store.get(bench.key('a')))?.value).toBe('1');
    });
  });
}
