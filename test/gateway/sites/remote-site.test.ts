import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { RemoteSite } from '../../../gateway/sites/remote-site.ts';
import type { SiteGroup } from '../../../gateway/transactions/index.ts';
import { parseAddress } from '../../../gateway/transport/index.ts';
import { Rpc } from '../../../gateway/transport/rpc/index.ts';
import { eventually } from '../../support/eventually.ts';
import type { SiteMember } from '../../support/raft-site.ts';
import { linkKeyOf, MeshOfSites } from './mesh-of-sites.ts';

const KEY = 'lattice/fleet/desired/b/pump';

let mesh: MeshOfSites | undefined;
afterEach(async () => {
  await mesh?.stop();
  mesh = undefined;
});

const start = async (gateways: number): Promise<MeshOfSites> => {
  mesh = await MeshOfSites.start(['a', 'b'], 'two-phase', { gateways, opened: ['b'] });
  return mesh;
};

/** The way of a gateway of a to the group of b. */
function callerOf(at: MeshOfSites, linkKey = linkKeyOf('a', 'b')): RemoteSite {
  const { transport } = at.group('a').member('gateway-1');
  const random = seededRandom(`caller ${process.hrtime.bigint()}`);
  const rpc = new Rpc({ transport, clock: systemClock, random, log: pino({ level: 'silent' }) });
  const names = at.group('b').all.map(({ name }) => name);
  const gateways = names
    .toSorted()
    .map((name) =>
      transport.setPeer({ site: 'b', name, siteKey: linkKey, ...parseAddress(at.group('b').addressOf(name)) }),
    );
  return new RemoteSite({ site: 'b', gateways, transport, rpc, clock: systemClock, random });
}

/** Its answers to other sites do not leave it any more; what its group says does. */
function keepAnswers({ transport }: SiteMember): void {
  const send = transport.send.bind(transport);
  transport.send = (peer, channel, bytes) => channel === 'rpc' || send(peer, channel, bytes);
}

const put = (group: SiteGroup, value: string, timeoutMs = 20_000) =>
  group.transaction({ compare: [], success: [{ op: 'put', key: KEY, value }], failure: [] }, { timeoutMs });
const versionAt = async (at: MeshOfSites): Promise<number | undefined> =>
  (await at.group('b').all.at(-1)?.coordinator.get(KEY))?.version;

describe('a call to another site', () => {
  test('is carried out once when the gateway that did it dies before it answers', { timeout: 60_000 }, async () => {
    const at = await start(3);
    const site = callerOf(at);
    await put(site, '1');
    expect(await versionAt(at)).toBe(1);
    const served = at.group('b').member('gateway-1');
    keepAnswers(served);
    at.onWrite('b', 'gateway-2', KEY, () => void at.kill('b', 'gateway-1'));
    const { succeeded } = await put(site, '2');
    expect(succeeded).toBe(true);
    expect(site.counters.failovers).toBeGreaterThan(0);
    expect(await versionAt(at)).toBe(2);
  });

  test('is carried out once over a restart of the whole site', { timeout: 60_000 }, async () => {
    const at = await start(1);
    const site = callerOf(at);
    await put(site, '1');
    const served = at.group('b').member('gateway-1');
    keepAnswers(served);
    const dead = Promise.withResolvers<unknown>();
    at.onWrite('b', 'gateway-1', KEY, () => setImmediate(() => dead.resolve(at.killSite('b'))));
    const answer = put(site, '2');
    await dead.promise;
    await at.restart('b', ['gateway-1']);
    expect((await answer).succeeded).toBe(true);
    expect(await versionAt(at)).toBe(2);
  });

  test('is carried out once, whatever answers are lost', { timeout: 120_000 }, async () => {
    const at = await start(3);
    const site = callerOf(at);
    let done = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('answers', 'is mute once'), { minLength: 3, maxLength: 3 }),
        async (moods) => {
          const restore = at.group('b').all.map(({ transport }, index) => {
            const send = transport.send.bind(transport);
            let isMute = moods[index] === 'is mute once';
            transport.send = (peer, channel, bytes) => {
              if (channel !== 'rpc' || !isMute) return send(peer, channel, bytes);
              isMute = false;
              return true;
            };
            return () => {
              transport.send = send;
            };
          });
          await Promise.all([put(site, `${++done}`), put(site, `${++done}`)]);
          for (const mend of restore) mend();
          expect(await versionAt(at)).toBe(done);
        },
      ),
      { numRuns: 15 },
    );
  });

  test('is coded: refused keys, a group without a majority, and one who gives up', { timeout: 60_000 }, async () => {
    const at = await start(3);
    const site = callerOf(at);
    for (const key of ['lattice/disks/1', 'lattice/ledger/head', 'mine', 'lattice/fleet']) {
      await expect(site.range({ key })).rejects.toMatchObject({ code: 'COORDINATION_REJECTED' });
      const transaction = { compare: [], success: [{ op: 'put' as const, key, value: '' }], failure: [] };
      await expect(site.transaction(transaction)).rejects.toMatchObject({ code: 'COORDINATION_REJECTED' });
    }
    await put(site, '1');
    await Promise.all([at.kill('b', 'gateway-1'), at.kill('b', 'gateway-2')]);
    await expect(
      site.range({ key: KEY }, { signal: AbortSignal.timeout(100), timeoutMs: 5_000 }),
    ).rejects.toMatchObject({
      code: 'COORDINATION_TIMEOUT',
    });
    await expect(put(site, '2', 1_500)).rejects.toMatchObject({
      code: expect.stringMatching(/^COORDINATION_(UNAVAILABLE|TIMEOUT)$/),
    });
  });

  test('is not heard from one with another key', { timeout: 60_000 }, async () => {
    const at = await start(1);
    const site = callerOf(at, 'the key of nobody at all');
    await expect(put(site, '1', 1_000)).rejects.toMatchObject({ code: 'COORDINATION_UNAVAILABLE' });
    const { transport } = at.group('b').member('gateway-1');
    await eventually(() => expect(transport.counters().handshakesFailed).toBeGreaterThan(0));
    expect(await versionAt(at)).toBeUndefined();
  });
});
