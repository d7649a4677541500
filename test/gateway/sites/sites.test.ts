import { afterEach, describe, expect, test } from 'vitest';
import { codeOf } from '../../../core/errors/index.ts';
import type { Transaction } from '../../../gateway/coordination/index.ts';
import type { Settings } from '../../../gateway/fleet/index.ts';
import { eventually } from '../../support/eventually.ts';
import type { SiteMember } from '../../support/raft-site.ts';
import { MeshOfSites } from './mesh-of-sites.ts';

let mesh: MeshOfSites | undefined;
afterEach(async () => {
  await mesh?.stop();
  mesh = undefined;
});

const start = async (...args: Parameters<typeof MeshOfSites.start>): Promise<MeshOfSites> => {
  mesh = await MeshOfSites.start(...args);
  return mesh;
};

/** The same settings for the device `pump` of each site. */
const changes = (sites: readonly string[], settings: Settings) =>
  sites.map((site) => ({ site, device: 'pump', settings }));

const one = (at: MeshOfSites, site: string): SiteMember => at.group(site).all[0] as SiteMember;

/** What each site holds for its pump, once nothing is locked or prepared at any of them. */
async function settled(at: MeshOfSites, sites: readonly string[] = at.names): Promise<(string | undefined)[]> {
  return eventually(async () => {
    for (const site of sites) {
      for (const kind of ['prepared', 'lock']) {
        const { keyValues } = await one(at, site).coordinator.range({ prefix: `lattice/txn/${kind}/` });
        expect(keyValues, `${kind} at ${site}`).toEqual([]);
      }
    }
    const found = sites.map((site) => one(at, site).coordinator.get(`lattice/fleet/desired/${site}/pump`));
    return (await Promise.all(found)).map((each) => each?.value);
  }, 30_000);
}

const outcomeOf = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'done', codeOf);

describe.each(['two-phase', 'paxos'] as const)('changes over three sites of three gateways, by %s', (decision) => {
  test('are made at all of them, and read at any gateway of any site', { timeout: 60_000 }, async () => {
    const at = await start(['a', 'b', 'c'], decision);
    const rolledOut = await at.sitesOf('b', 'gateway-2').rollOut(changes(at.names, { mode: 'eco', level: 3 }));
    expect(rolledOut.pendingSites).toEqual([]);
    expect(rolledOut.devices.map(({ version }) => version)).toEqual([1, 1, 1]);
    for (const site of at.names) {
      const desired = await at.sitesOf('c', 'gateway-3').desired(site, 'pump');
      expect(desired).toEqual({ version: 1, settings: { mode: 'eco', level: 3 } });
    }
    await at.sitesOf('a').rollOut(changes(['a', 'c'], { level: null }));
    expect(await at.sitesOf('b').desired('a', 'pump')).toEqual({ version: 2, settings: { mode: 'eco' } });
    expect(await at.sitesOf('b').desired('b', 'pump')).toMatchObject({ version: 1 });
    expect(await at.sitesOf('b').status()).toMatchObject({
      decision,
      sites: ['b', 'a', 'c'].map((site) => ({ site, isReachable: true })),
      pending: [],
    });
  });

  test('are made at none when a comparison fails at one', { timeout: 60_000 }, async () => {
    const at = await start(['a', 'b'], decision);
    const put = (site: string) => [{ op: 'put', key: `lattice/fleet/desired/${site}/pump`, value: '1' } as const];
    const compare = [{ key: 'lattice/fleet/desired/b/pump', target: 'version', op: '>', value: 0 } as const];
    const wish = new Map([
      ['a', { operations: put('a') }],
      ['b', { operations: put('b'), compare }],
    ]);
    await expect(at.sitesOf('a').transactor.commit(wish)).rejects.toMatchObject({
      code: 'TRANSACTION_ABORTED',
      message: expect.stringContaining('b: a comparison does not hold'),
    });
    expect(await settled(at)).toEqual([undefined, undefined]);
  });

  test('that conflict are made one after the other', { timeout: 60_000 }, async () => {
    const at = await start(['a', 'b'], decision);
    const wishes = [1, 2, 3].flatMap((n) => at.names.map((site) => ({ site, gateway: `gateway-${n}` })));
    const outcomes = await Promise.all(
      wishes.map(({ site, gateway }) =>
        outcomeOf(at.sitesOf(site, gateway).rollOut(changes(at.names, { [`${site}-${gateway}`]: true }))),
      ),
    );
    const done = wishes.filter((_, index) => outcomes[index] === 'done');
    expect(done.length, outcomes.join()).toBeGreaterThan(0);
    const [a, b] = await settled(at);
    expect(a).toBe(b);
    const { version, settings } = JSON.parse(a ?? '{}') as { version: number; settings: Settings };
    expect(Object.keys(settings)).toHaveLength(version);
    expect(settings).toMatchObject(Object.fromEntries(done.map(({ site, gateway }) => [`${site}-${gateway}`, true])));
    if (!outcomes.includes('TRANSACTION_IN_DOUBT')) expect(version).toBe(done.length);
  });

  test.each([
    ['a', 'prepared'],
    ['b', 'prepared'],
    ['a', decision === 'paxos' ? 'paxos' : 'decision'],
    ['a', 'done'],
    ['b', 'done'],
  ])(
    'leave nothing in doubt when the gateway that makes them dies after %s has %s',
    { timeout: 60_000 },
    async (site, record) => {
      const at = await start(['a', 'b'], decision);
      const dead = Promise.withResolvers<void>();
      at.onWrite(site, 'gateway-2', `lattice/txn/${record}/`, () => void at.kill('a', 'gateway-1').then(dead.resolve));
      const outcome = await outcomeOf(at.sitesOf('a').rollOut(changes(at.names, { mode: 'eco' })));
      await dead.promise;
      const values = await settled(at);
      expect(new Set(values).size, `${outcome}: ${values.join(' and ')}`).toBe(1);
      if (outcome === 'done') expect(values[0]).toBeDefined();
      if (outcome === 'TRANSACTION_ABORTED') expect(values[0]).toBeUndefined();
      // The other gateways go on.
      await at.sitesOf('a', 'gateway-2').rollOut(changes(at.names, { mode: 'full' }));
      expect((await at.sitesOf('b').desired('a', 'pump'))?.settings).toEqual({ mode: 'full' });
    },
  );

  test('are given up, coded, while a site has no majority, and leave no lock there', { timeout: 60_000 }, async () => {
    const at = await start(['a', 'b'], decision);
    await Promise.all([at.kill('b', 'gateway-1'), at.kill('b', 'gateway-2')]);
    const outcome = await outcomeOf(at.sitesOf('a').rollOut(changes(at.names, { mode: 'eco' })));
    expect(outcome).toBe('TRANSACTION_ABORTED');
    const wish = new Map(
      at.names.map((site) => [
        site,
        { operations: [{ op: 'put', key: `lattice/fleet/desired/${site}/pump`, value: '1' } as const] },
      ]),
    );
    expect(await outcomeOf(at.sitesOf('a').transactor.commit(wish))).toMatch(/^TRANSACTION_(ABORTED|IN_DOUBT)$/);
    const { sites } = await at.sitesOf('a').status();
    expect(sites).toMatchObject([{ isReachable: true }, { isReachable: false }]);
    await at.restart('b', ['gateway-1', 'gateway-2']);
    expect(await settled(at)).toEqual([undefined, undefined]);
  });
});

describe("when the coordinator's whole site is gone", () => {
  test.each(['prepared', 'paxos', 'done'])(
    'paxos settles it among the others, after %s',
    { timeout: 60_000 },
    async (record) => {
      const at = await start(['a', 'b', 'c'], 'paxos');
      const dead = Promise.withResolvers<unknown>();
      at.onWrite('a', 'gateway-2', `lattice/txn/${record}/`, () => dead.resolve(at.killSite('a')));
      const outcome = await outcomeOf(at.sitesOf('a').rollOut(changes(at.names, { mode: 'eco' })));
      await dead.promise;
      const [b, c] = await settled(at, ['b', 'c']);
      expect(b, outcome).toBe(c);
      await at.sitesOf('b').rollOut(changes(['b', 'c'], { mode: 'full' }));
    },
  );

  test('two-phase waits for it, says so, and settles when it is back', { timeout: 90_000 }, async () => {
    const at = await start(['a', 'b'], 'two-phase');
    const { coordinator } = at.group('a').member('gateway-1');
    const transaction = coordinator.transaction.bind(coordinator);
    const isDecision = (asked: Transaction): boolean => JSON.stringify(asked.success).includes('lattice/txn/decision/');
    // It dies on the way to its decision.
    coordinator.transaction = async (asked, options) =>
      isDecision(asked) ? new Promise<never>(() => {}) : transaction(asked, options);
    const dead = Promise.withResolvers<string[]>();
    at.onWrite('b', 'gateway-2', 'lattice/txn/prepared/', () => dead.resolve(at.killSite('a')));
    const outcome = outcomeOf(at.sitesOf('a').rollOut(changes(at.names, { mode: 'eco' })));
    const gateways = await dead.promise;
    expect(await outcome).toBe('TRANSACTION_IN_DOUBT');
    const { pending } = await at.sitesOf('b').status();
    expect(pending).toMatchObject([{ participants: ['a', 'b'], heldAt: ['b'], state: 'inDoubt' }]);
    await expect(at.sitesOf('b').desired('b', 'pump')).rejects.toMatchObject({ code: 'TRANSACTION_IN_DOUBT' });
    await at.restart('a', gateways);
    expect(await settled(at)).toEqual([undefined, undefined]);
  });
});
