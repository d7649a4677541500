import { describe, expect, test } from 'vitest';
import type { Bench } from './bench.ts';

export function leasesContract(bench: Bench): void {
  const exists = async (name: string): Promise<boolean> => (await bench.store.get(bench.key(name))) !== undefined;

  describe('leases', () => {
    test('last at least as long as was asked, each with an id of its own', async () => {
      const one = await bench.store.grantLease(60_000);
      const two = await bench.other.grantLease(60_500);
      expect(one.ttlMs).toBeGreaterThanOrEqual(60_000);
      expect(two.ttlMs).toBeGreaterThanOrEqual(60_500);
      expect(one.id).not.toBe('');
      expect(one.id).not.toBe(two.id);
      await bench.store.revokeLease(one.id);
      await bench.store.revokeLease(two.id);
    });

    test('are not granted for less than a second', async () => {
      for (const ttlMs of [999, 0, -1, Number.NaN]) {
        expect(await bench.code(bench.store.grantLease(ttlMs))).toBe('COORDINATION_REJECTED');
      }
    });

    test('a key tells its lease, and a later put without it leaves the lease', async () => {
      const lease = await bench.store.grantLease(60_000);
      await bench.store.put(bench.key('a'), '1', { leaseId: lease.id });
      expect((await bench.other.get(bench.key('a')))?.leaseId).toBe(lease.id);
      await bench.store.put(bench.key('a'), '2');
      expect((await bench.other.get(bench.key('a')))?.leaseId).toBe('');
      await bench.store.revokeLease(lease.id);
      expect(await exists('a')).toBe(true);
    });

    test('a put moves a key to another lease', async () => {
      const one = await bench.store.grantLease(60_000);
      const two = await bench.store.grantLease(60_000);
      await bench.store.put(bench.key('a'), '1', { leaseId: one.id });
      await bench.store.put(bench.key('a'), '2', { leaseId: two.id });
      await bench.store.revokeLease(one.id);
      expect(await exists('a')).toBe(true);
      await bench.store.revokeLease(two.id);
      expect(await exists('a')).toBe(false);
    });

    test('that end take their keys with them, at one revision, and no others', async () => {
      const lease = await bench.store.grantLease(1_000);
      await bench.store.put(bench.key('stays'), '1');
      for (const name of ['a', 'b', 'c']) await bench.store.put(bench.key(name), '1', { leaseId: lease.id });
      const { revision } = await bench.store.range(bench.all);
      await bench.elapseUntil(async () => !(await exists('a')), lease.ttlMs + 4_000);
      expect(bench.names((await bench.store.range(bench.all)).keyValues)).toEqual(['stays']);
      const [batch] = await bench.take(bench.all, 1, revision + 1);
      expect(batch?.revision).toBe(revision + 1);
      expect(batch?.events.map((event) => event.type)).toEqual(['delete', 'delete', 'delete']);
    });

    test('do not end before their time', async () => {
      const lease = await bench.store.grantLease(2_000);
      await bench.store.put(bench.key('a'), '1', { leaseId: lease.id });
      await bench.elapse(lease.ttlMs * 0.7);
      expect(await exists('a')).toBe(true);
      await bench.store.revokeLease(lease.id);
    });

    test('live on while they are renewed, by any client', async () => {
      const lease = await bench.store.grantLease(1_000);
      await bench.store.put(bench.key('a'), '1', { leaseId: lease.id });
      for (let n = 0; n < 6; n++) {
        await bench.elapse(lease.ttlMs / 2);
        const store = n % 2 === 0 ? bench.store : bench.other;
        expect(await store.keepAlive(lease.id)).toEqual(lease);
      }
      expect(await exists('a')).toBe(true);
      await bench.store.revokeLease(lease.id);
    });

    test('that have ended cannot be renewed, revoked or used', async () => {
      const lease = await bench.store.grantLease(1_000);
      await bench.store.put(bench.key('a'), '1', { leaseId: lease.id });
      await bench.elapseUntil(async () => !(await exists('a')), lease.ttlMs + 4_000);
      expect(await bench.code(bench.store.keepAlive(lease.id))).toBe('LEASE_NOT_FOUND');
      expect(await bench.code(bench.store.revokeLease(lease.id))).toBe('LEASE_NOT_FOUND');
      expect(await bench.code(bench.store.put(bench.key('b'), '1', { leaseId: lease.id }))).toBe('LEASE_NOT_FOUND');
      expect(await exists('b')).toBe(false);
    });

    test('that never were are not found', async () => {
      for (const id of ['1', '123456789', 'none of ours', '99999999999999999999999']) {
        expect(await bench.code(bench.store.keepAlive(id))).toBe('LEASE_NOT_FOUND');
        expect(await bench.code(bench.store.revokeLease(id))).toBe('LEASE_NOT_FOUND');
        expect(await bench.code(bench.store.put(bench.key('a'), '1', { leaseId: id }))).toBe('LEASE_NOT_FOUND');
      }
      expect(await exists('a')).toBe(false);
    });

    test('are revoked at one revision, for every client', async () => {
      const lease = await bench.store.grantLease(60_000);
      for (const name of ['a', 'b']) await bench.store.put(bench.key(name), '1', { leaseId: lease.id });
      const { revision } = await bench.store.range(bench.all);
      await bench.other.revokeLease(lease.id);
      const after = await bench.store.range(bench.all);
      expect(after).toMatchObject({ keyValues: [], revision: revision + 1 });
      expect(await bench.code(bench.store.keepAlive(lease.id))).toBe('LEASE_NOT_FOUND');
    });

    test('without keys end without a revision', async () => {
      const lease = await bench.store.grantLease(60_000);
      const { revision } = await bench.store.put(bench.key('a'), '1');
      await bench.store.revokeLease(lease.id);
      expect((await bench.store.range(bench.all)).revision).toBe(revision);
    });

    test('a key that was deleted no longer hangs on its lease', async () => {
      const lease = await bench.store.grantLease(60_000);
      await bench.store.put(bench.key('a'), '1', { leaseId: lease.id });
      await bench.store.delete({ key: bench.key('a') });
      await bench.store.put(bench.key('a'), '2');
      await bench.store.revokeLease(lease.id);
      expect((await bench.store.get(bench.key('a')))?.value).toBe('2');
    });
  });
}
