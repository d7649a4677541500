import { describe, expect, it } from 'vitest';
import { LatticeError } from '../../../core/errors/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { TRANSACTIONS_PREFIX } from '../../../gateway/transactions/core/index.ts';
import { Recovery, readCommitted, type SiteGroup, Transactor, unlocked } from '../../../gateway/transactions/index.ts';
import { MemorySite, memoryCoordinator } from '../../support/memory-site.ts';

const SITES = ['a', 'b', 'c'];

function mesh(decision: 'two-phase' | 'paxos') {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const down = new Set<string>();
  const stores = new Map(SITES.map((name) => [name, new MemorySite()]));
  const sites = new Map(
    SITES.map((name): [string, SiteGroup] => [
      name,
      memoryCoordinator(stores.get(name)!, () => {
        if (down.has(name)) throw new LatticeError('COORDINATION_UNAVAILABLE', `${name} is down`);
      }),
    ]),
  );
  const troubles: unknown[] = [];
  const onTrouble = (trouble: unknown): unknown => troubles.push(trouble);
  const recoveries = SITES.map((site) => new Recovery({ site, sites, clock, random, onTrouble }));
  const transactor = new Transactor({ sites, clock, random, decision });
  /** Lets virtual time pass while the promise is under way. */
  const settle = async <T>(promise: Promise<T>): Promise<T> => {
    let over = false;
    const end = (): boolean => (over = true);
    promise.then(end, end);
    while (!over) {
      await new Promise(setImmediate);
      clock.advance(50);
    }
    return promise;
  };
  const sweepAll = (): Promise<unknown> => settle(Promise.all(recoveries.map((one) => one.sweep())));
  const left = (): number => [...stores.values()].flatMap((one) => one.range({ prefix: TRANSACTIONS_PREFIX })).length;
  return { clock, down, stores, sites, transactor, recoveries, troubles, settle, sweepAll, left };
}

const change = (sites = SITES) =>
  new Map(sites.map((site) => [site, { operations: [{ op: 'put', key: 'config', value: 'new' } as const] }]));

describe.each(['two-phase', 'paxos'] as const)('a transactor, deciding by %s', (decision) => {
  it('changes every site, and the records are forgotten in the end', async () => {
    const { transactor, stores, settle, sweepAll, left, clock, troubles } = mesh(decision);
    const { pendingSites } = await settle(transactor.commit(change()));
    expect(pendingSites).toEqual([]);
    for (const store of stores.values()) expect(store.keys.get('config')?.value).toBe('new');
    await sweepAll();
    expect(left()).toBeGreaterThan(0);
    clock.advance(600_000);
    await sweepAll();
    expect(left()).toBe(0);
    expect(troubles).toEqual([]);
  });

  it('changes none when a comparison fails at one, and names the site', async () => {
    const { transactor, stores, settle } = mesh(decision);
    const compare = [{ key: 'config', target: 'version', op: '>', value: 0 } as const];
    const wish = change().set('c', { operations: [{ op: 'put', key: 'config', value: 'new' }], compare } as never);
    await expect(settle(transactor.commit(wish))).rejects.toMatchObject({
      code: 'TRANSACTION_ABORTED',
      message: expect.stringContaining('c: a comparison does not hold'),
    });
    for (const store of stores.values()) expect(store.keys.has('config')).toBe(false);
  });

  it('changes none when a site cannot be reached, and gives the locks back at all when it is there again', async () => {
    const { transactor, stores, settle, down, sweepAll } = mesh(decision);
    down.add('c');
    await expect(settle(transactor.commit(change()))).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' });
    down.clear();
    await sweepAll();
    for (const store of stores.values()) {
      expect(store.keys.has('config')).toBe(false);
      expect(store.range({ prefix: `${TRANSACTIONS_PREFIX}lock/` })).toEqual([]);
    }
  });

  it('recovers what a coordinator left that was stopped after the prepare', async () => {
    const { transactor, stores, sites, settle, clock, sweepAll, recoveries } = mesh(decision);
    const stopping = new AbortController();
    const group = sites.get('b')!;
    // Stops the coordinator once b is prepared, before any decision.
    const stopped: SiteGroup = {
      range: group.range,
      transaction: async (transaction) => {
        const result = await group.transaction(transaction);
        stopping.abort();
        return result;
      },
    };
    sites.set('b', stopped);
    await expect(settle(transactor.commit(change(), stopping.signal))).rejects.toMatchObject({
      code: 'TRANSACTION_IN_DOUBT',
    });
    sites.set('b', group);
    await expect(readCommitted(group, ['config'])).rejects.toMatchObject({ code: 'TRANSACTION_IN_DOUBT' });
    const plain = { success: [{ op: 'put', key: 'config', value: 'plain' } as const], failure: [] };
    expect((await group.transaction({ compare: unlocked(['config']), ...plain })).succeeded).toBe(false);
    await sweepAll();
    clock.advance(10_000);
    await sweepAll();
    expect(await readCommitted(group, ['config'])).toEqual([undefined]);
    for (const store of stores.values()) expect(store.keys.has('config')).toBe(false);
    expect(recoveries.reduce((sum, { counters }) => sum + counters.aborted, 0)).toBeGreaterThan(0);
  });

  it('refuses what cannot be done', async () => {
    const { transactor } = mesh(decision);
    await expect(transactor.commit(change(['a', 'nowhere']))).rejects.toMatchObject({ code: 'COORDINATION_REJECTED' });
    await expect(transactor.commit(new Map())).rejects.toMatchObject({ code: 'COORDINATION_REJECTED' });
    const operations = Array.from({ length: 61 }, (_, i) => ({ op: 'put', key: `k${i}`, value: '' }) as const);
    await expect(transactor.commit(new Map([['a', { operations }]]))).rejects.toMatchObject({
      code: 'COORDINATION_REJECTED',
    });
  });

  it('names a record that cannot be read and goes on', async () => {
    const { stores, sweepAll, troubles, transactor, settle } = mesh(decision);
    const put = { op: 'put', key: `${TRANSACTIONS_PREFIX}prepared/x`, value: '{' } as const;
    stores.get('a')!.transact({ compare: [], success: [put], failure: [] });
    await sweepAll();
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toMatchObject({ code: 'TRANSACTION_IN_DOUBT' });
    expect((await settle(transactor.commit(change()))).pendingSites).toEqual([]);
  });
});

describe('recovery', () => {
  it('sweeps by itself until it is stopped', async () => {
    const { recoveries, stores, clock, settle } = mesh('two-phase');
    const [recovery] = recoveries;
    recovery!.start();
    const put = { op: 'put', key: `${TRANSACTIONS_PREFIX}done/x`, value: '{"outcome":"abort","participants":["a"]}' };
    stores.get('a')!.transact({ compare: [], success: [put as never], failure: [] });
    while (recovery!.counters.forgotten === 0) await settle(Promise.resolve(clock.advance(60_000)));
    await recovery!.stop();
    await recovery!.stop();
    expect(clock.nextDueMs()).toBeUndefined();
  });
});
