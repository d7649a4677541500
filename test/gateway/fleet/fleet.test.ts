import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import type { Coordinator } from '../../../gateway/coordination/index.ts';
import { claimFence } from '../../../gateway/coordination/index.ts';
import { currentEpoch, type DesiredEvent, setDesiredOverSites } from '../../../gateway/fleet/index.ts';
import { createSigningKey, ledgeredTransaction } from '../../../gateway/ledger/index.ts';
import { lockKey, Transactor } from '../../../gateway/transactions/index.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryCoordinator, MemoryStore } from '../../support/memory-coordinator.ts';
import { RaftSite } from '../../support/raft-site.ts';
import { openKeeper, openSite, ROOT, SCOPE } from './site.ts';

const DRIVERS = {
  memory: async (): Promise<{ group: Coordinator; stop: () => unknown }> => {
    const store = new MemoryStore(systemClock);
    return { group: new MemoryCoordinator(store), stop: () => store.stop() };
  },
  raft: async (): Promise<{ group: Coordinator; stop: () => unknown }> => {
    const site = await RaftSite.start(1);
    return { group: (await site.leader()).coordinator, stop: () => site.stop() };
  },
};

describe.each(Object.entries(DRIVERS))('the fleet over %s', (_driver, open) => {
  let group: Coordinator;
  let home: Awaited<ReturnType<typeof openSite>>;
  let stops: (() => unknown)[] = [];

  beforeEach(async () => {
    const opened = await open();
    group = opened.group;
    stops = [opened.stop];
    home = await openSite('home', group);
  });
  afterEach(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  it('keeps what is desired of a device, with a version, and each change in the ledger', async () => {
    const { fleet } = home;
    expect(await fleet.getDesired('d1')).toBeUndefined();
    expect(await fleet.setDesired(ROOT, 'd1', { intervalMs: 500 })).toEqual({
      version: 1,
      settings: { intervalMs: 500 },
    });
    await fleet.setDesired(ROOT, 'd1', { led: { on: true } }, { ifVersion: 1 });
    expect(await fleet.getDesired('d1')).toEqual({ version: 2, settings: { led: { on: true } } });
    await expect(fleet.setDesired(ROOT, 'd1', {}, { ifVersion: 1 })).rejects.toMatchObject({
      code: 'COORDINATION_REJECTED',
    });
    expect((await home.acts()).map(({ author, act, details }) => ({ author, act, details }))).toEqual([
      {
        author: 'root',
        act: 'fleet.desired.set',
        details: { changes: [{ site: 'home', device: 'd1', version: 1, settings: { intervalMs: 500 } }] },
      },
      {
        author: 'root',
        act: 'fleet.desired.set',
        details: { changes: [{ site: 'home', device: 'd1', version: 2, settings: { led: { on: true } } }] },
      },
    ]);
    expect(await home.verdict()).toMatchObject({ ok: true, count: 3 });
  });

  it('takes no change of a stranger, of a name that is none, or that is too large', async () => {
    const stranger = { name: 'mallory', key: createSigningKey() };
    const rejected = { code: 'COORDINATION_REJECTED' };
    await expect(home.fleet.setDesired(stranger, 'd1', {})).rejects.toMatchObject(rejected);
    await expect(home.fleet.setDesired(ROOT, 'a/b', {})).rejects.toMatchObject(rejected);
    await expect(home.fleet.setDesired(ROOT, 'd1', { text: 'x'.repeat(70_000) })).rejects.toMatchObject(rejected);
    expect(await home.acts()).toEqual([]);
    expect(await home.fleet.getDesired('d1')).toBeUndefined();
  });

  it('gives each of many changes at once a version of its own', async () => {
    const changes = Array.from({ length: 8 }, (_, n) => home.fleet.setDesired(ROOT, 'd1', { n }));
    const versions = (await Promise.all(changes)).map(({ version }) => version);
    expect(versions.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await home.verdict()).toMatchObject({ ok: true, count: 9 });
  });

  it('tells watchers what is there and what changes', async () => {
    const { fleet } = home;
    await fleet.setDesired(ROOT, 'd1', { n: 1 });
    const ended = new AbortController();
    const events: DesiredEvent[] = [];
    const watching = (async () => {
      for await (const event of fleet.watchDesired(ended.signal)) events.push(event);
    })();
    await eventually(() => expect(events).toHaveLength(1));
    await fleet.setDesired(ROOT, 'd2', { n: 2 });
    await group.put('lattice/fleet/desired/elsewhere/d1', '{"version":1,"settings":{}}');
    await group.delete({ key: 'lattice/fleet/desired/home/d1' });
    await eventually(() => expect(events).toHaveLength(3));
    expect(events).toEqual([
      { device: 'd1', desired: { version: 1, settings: { n: 1 } } },
      { device: 'd2', desired: { version: 1, settings: { n: 2 } } },
      { device: 'd1', desired: undefined },
    ]);
    ended.abort();
    await watching;
  });

  it('waits while a change over several sites holds the device', async () => {
    const lock = lockKey('lattice/fleet/desired/home/d1');
    await group.put(lock, 'some transaction');
    const change = home.fleet.setDesired(ROOT, 'd1', { n: 1 });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(await home.fleet.getDesired('d1')).toBeUndefined();
    await group.delete({ key: lock });
    expect(await change).toMatchObject({ version: 1 });
  });

  it('counts an epoch for each change of the members, by the leader alone', async () => {
    const [a, b] = [openKeeper(group, 'a'), openKeeper(group, 'b')];
    stops.push(() => Promise.all([a.keeper.stop(), b.keeper.stop()]));
    a.keeper.setMembers(['g2', 'g1']);
    b.keeper.setMembers(['g1', 'g2']);
    expect(await currentEpoch(group)).toBeUndefined();
    a.lead(3);
    await eventually(async () =>
      expect(await currentEpoch(group)).toEqual({ epoch: 1, members: ['g1', 'g2'], term: 3 }),
    );
    a.lead(undefined);
    b.lead(4);
    b.keeper.setMembers(['g1', 'g2', 'g3']);
    const second = { epoch: 2, members: ['g1', 'g2', 'g3'], term: 4 };
    await eventually(async () => expect(await currentEpoch(group)).toEqual(second));
    // An old leader that does not know of the new one, and sees other members.
    a.lead(3);
    a.keeper.setMembers(['g1']);
    await a.keeper.stop();
    expect(await currentEpoch(group)).toEqual(second);
    expect((await home.acts()).map(({ act, details }) => [act, details])).toEqual([
      ['fleet.shards.epoch', { epoch: 1, members: ['g1', 'g2'], term: 3 }],
      ['fleet.shards.epoch', second],
    ]);
  });

  it('lets no old leader slip in between the claim and the write', async () => {
    const delayed: Coordinator = Object.assign(Object.create(group), {
      transaction: async (...args: Parameters<Coordinator['transaction']>) => {
        const isWrite = args[0].success.some((one) => one.op === 'put' && one.key === 'lattice/fleet/shards');
        if (isWrite) await claimFence(group, { scope: SCOPE, token: 9 });
        return group.transaction(...args);
      },
      get: group.get.bind(group),
    });
    const { keeper, lead } = openKeeper(delayed, 'slow');
    keeper.setMembers(['g1']);
    lead(8);
    await eventually(async () => expect((await group.get('lattice/fences/home%2Fleader'))?.value).toMatch(/9$/));
    await keeper.stop();
    expect(await currentEpoch(group)).toBeUndefined();
    expect(await home.acts()).toEqual([]);
  });
});

describe('the fleet over several sites', () => {
  async function mesh() {
    const stores = ['north', 'south'].map((name) => ({ name, store: new MemoryStore(systemClock) }));
    const sites = new Map(stores.map(({ name, store }) => [name, new MemoryCoordinator(store)]));
    const [north, south] = await Promise.all([...sites].map(([name, group]) => openSite(name, group)));
    const transactor = new Transactor({
      sites,
      clock: systemClock,
      random: seededRandom('sites'),
      decision: 'two-phase',
    });
    return {
      ...{ north: north!, south: south! },
      set: (changes: Parameters<typeof setDesiredOverSites>[2]) =>
        setDesiredOverSites({ transactor, sites, clock: systemClock }, ROOT, changes),
      stop: () => stores.map(({ store }) => store.stop()),
    };
  }

  const change = (site: string, device = 'd1') => ({ site, device, settings: { rollout: 'v2' } });

  it('changes all of them, with an entry in the ledger of each', async () => {
    const { north, south, set, stop } = await mesh();
    await north.fleet.setDesired(ROOT, 'd1', {});
    expect(await set([change('north'), change('south'), change('south', 'd2')])).toMatchObject({ pendingSites: [] });
    expect(await north.fleet.getDesired('d1')).toEqual({ version: 2, settings: { rollout: 'v2' } });
    expect(await south.fleet.getDesired('d2')).toEqual({ version: 1, settings: { rollout: 'v2' } });
    expect((await south.acts()).map(({ details }) => details)).toEqual([
      {
        changes: [
          { ...change('south'), version: 1 },
          { ...change('south', 'd2'), version: 1 },
        ],
        sites: ['north', 'south'],
      },
    ]);
    await south.fleet.setDesired(ROOT, 'd1', {});
    for (const site of [north, south]) expect(await site.verdict()).toMatchObject({ ok: true, count: 3 });
    stop();
  });

  it('changes none of them when one refuses, and enters nothing', async () => {
    const { north, south, set, stop } = await mesh();
    await south.group.put(lockKey('lattice/ledger/head'), 'another transaction');
    await expect(set([change('north'), change('south')])).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' });
    await south.group.delete({ key: lockKey('lattice/ledger/head') });
    for (const site of [north, south]) {
      expect(await site.fleet.getDesired('d1')).toBeUndefined();
      expect(await site.verdict()).toMatchObject({ ok: true, count: 1 });
    }
    await expect(set([change('north'), change('west')])).rejects.toMatchObject({ code: 'COORDINATION_REJECTED' });
    stop();
  });

  it('keeps the chain whole when a site enters something by itself between the prepare and the decision', async () => {
    const { south, stop } = await mesh();
    const { group } = south;
    await group.put(lockKey('lattice/ledger/head'), 'another transaction');
    let isEntered = false;
    const entering = ledgeredTransaction(
      { group, clock: systemClock, author: ROOT },
      { act: 'config.set', details: {} },
    ).then(() => {
      isEntered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(isEntered).toBe(false);
    await group.delete({ key: lockKey('lattice/ledger/head') });
    await entering;
    expect(await south.verdict()).toMatchObject({ ok: true, count: 2 });
    stop();
  });
});
