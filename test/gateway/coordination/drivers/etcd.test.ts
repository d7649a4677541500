import { describe, expect, test } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import { seededRandom } from '../../../../core/random/index.ts';
import { systemClock } from '../../../../core/time/index.ts';
import { type Coordinator, etcdDriverSchema, openEtcdCoordinator } from '../../../../gateway/coordination/index.ts';
import { FaultyProxy } from '../../../contract/proxy.ts';
import { eventually } from '../../../support/eventually.ts';
import { describeWithPeers } from '../../../support/peers.ts';
import { type EtcdServer, startEtcd } from '../etcd-server.ts';

const deps = { clock: systemClock, random: seededRandom('etcd') };

function open(endpoints: string[], changes: Record<string, unknown> = {}): Promise<Coordinator> {
  return openEtcdCoordinator(etcdDriverSchema.parse({ driver: 'etcd', endpoints, ...changes }), deps);
}

const code = (call: Promise<unknown>) => call.then(() => 'resolved', codeOf);

describe('configuration of the etcd driver', () => {
  const faults = (changes: Record<string, unknown>): string[] => {
    const parsed = etcdDriverSchema.safeParse({ driver: 'etcd', endpoints: ['https://etcd:2379'], ...changes });
    return parsed.error?.issues.map(({ path }) => path.join('.')) ?? [];
  };

  test('takes one line, or everything', () => {
    expect(etcdDriverSchema.parse({ driver: 'etcd', endpoints: ['http://etcd:2379'] }).prefix).toBe('lattice/');
    expect(
      faults({ username: 'u', password: 'p', caFile: 'ca', certFile: 'cert', keyFile: 'key', prefix: 'x/' }),
    ).toEqual([]);
  });

  test('names what does not fit', () => {
    expect(faults({ endpoints: [] })).toEqual(['endpoints']);
    expect(faults({ endpoints: ['etcd:2379'] })).toEqual(['endpoints.0']);
    expect(faults({ endpoints: ['http://a:1', 'https://b:1'] })).toEqual(['endpoints']);
    expect(faults({ username: 'u' })).toEqual(['password']);
    expect(faults({ caFile: 'ca', certFile: 'cert' })).toEqual(['keyFile']);
    expect(faults({ certFile: 'cert', keyFile: 'key' })).toEqual(['caFile']);
    expect(faults({ prefix: '' })).toEqual(['prefix']);
  });
});

describe('etcd that is away', () => {
  test('is COORDINATION_UNAVAILABLE: nothing was changed', async () => {
    const store = await open(['http://127.0.0.1:9']);
    expect(await code(store.put('a', '1', { timeoutMs: 2_000 }))).toBe('COORDINATION_UNAVAILABLE');
    expect(await code(store.get('a', { timeoutMs: 2_000 }))).toBe('COORDINATION_UNAVAILABLE');
    expect(await code(store.keepAlive('1', { timeoutMs: 2_000 }))).toBe('COORDINATION_UNAVAILABLE');
    await store.close();
  });
});

describeWithPeers('etcd driver', ['etcd'], () => {
  async function withEtcd(body: (server: EtcdServer) => Promise<void>): Promise<void> {
    const server = await startEtcd();
    try {
      await body(server);
    } finally {
      await server.stop();
    }
  }

  test('two prefixes are two stores with one revision', () =>
    withEtcd(async ({ url }) => {
      const [one, two] = [await open([url], { prefix: 'one/' }), await open([url], { prefix: 'two/' })];
      const { revision } = await one.put('a', '1');
      await two.put('a', '2');
      expect((await one.get('a'))?.value).toBe('1');
      expect((await one.range({ prefix: '' })).keyValues).toHaveLength(1);
      expect((await one.range({ from: '', to: '\u{10FFFF}' })).keyValues).toHaveLength(1);
      await two.delete({ prefix: '' });
      expect(await one.range({ prefix: '' })).toMatchObject({ revision: revision + 2, keyValues: [{ key: 'a' }] });
      await Promise.all([one.close(), two.close()]);
    }));

  test('a member that is away is passed over', () =>
    withEtcd(async ({ url }) => {
      const store = await open(['http://127.0.0.1:9', url]);
      for (let n = 0; n < 20; n++) await store.put('a', String(n));
      // Each put was carried out once: those that met the other member had not been sent.
      expect((await store.get('a'))?.version).toBe(20);
      await store.close();
    }));

  test('a write whose connection breaks is not repeated behind the caller’s back', () =>
    withEtcd(async ({ url, pause, resume }) => {
      const proxy = new FaultyProxy(url);
      await proxy.start();
      const [far, near] = [await open([proxy.url]), await open([url])];
      await far.put('a', '1');
      pause();
      const call = code(far.put('a', '2', { timeoutMs: 5_000 }));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await proxy.stop();
      expect(await call).toBe('COORDINATION_TIMEOUT');
      resume();
      await proxy.start();
      await far.put('b', '1');
      const found = await near.get('a');
      expect(found?.version).toBeLessThanOrEqual(2);
      await Promise.all([far.close(), near.close()]);
      await proxy.stop();
    }));

  test('a watch goes on over connections that break, and loses and repeats nothing', () =>
    withEtcd(async ({ url }) => {
      const proxy = new FaultyProxy(url);
      await proxy.start();
      const [far, near] = [await open([proxy.url]), await open([url])];
      const { revision } = await near.put('a', 'first');
      const aborter = new AbortController();
      const seen: number[] = [];
      const watching = (async () => {
        for await (const batch of far.watch({ key: 'a' }, { fromRevision: revision, signal: aborter.signal })) {
          seen.push(batch.revision);
        }
      })();
      for (let cut = 0; cut < 5; cut++) {
        for (let n = 0; n < 40; n++) await near.put('a', `${cut} ${n}`);
        await eventually(() => expect(seen.length).toBeGreaterThan(cut * 40));
        await proxy.stop();
        for (let n = 0; n < 10; n++) await near.put('a', `${cut} ${n} while it is cut`);
        await proxy.start();
      }
      await eventually(() => expect(seen).toHaveLength(251));
      aborter.abort();
      await watching;
      expect(seen).toEqual(Array.from({ length: 251 }, (_, n) => revision + n));
      await Promise.all([far.close(), near.close()]);
      await proxy.stop();
    }));

  test('a user without the right password is turned away, and says so', () =>
    withEtcd(async ({ url }) => {
      const { Etcd3 } = await import('etcd3');
      const admin = new Etcd3({ hosts: url });
      await admin.auth.userAdd({ name: 'root', password: 'secret' });
      await admin.auth.roleAdd({ name: 'root' });
      await admin.auth.userGrantRole({ user: 'root', role: 'root' });
      await admin.auth.authEnable();
      admin.close();
      const right = await open([url], { username: 'root', password: 'secret' });
      await right.put('a', '1');
      const wrong = await open([url], { username: 'root', password: 'wrong' });
      expect(await code(wrong.put('a', '2'))).toBe('COORDINATION_REJECTED');
      const nobody = await open([url]);
      expect(await code(nobody.put('a', '2'))).toBe('COORDINATION_REJECTED');
      const aborter = new AbortController();
      const watch = nobody.watch({ key: 'a' }, { signal: aborter.signal })[Symbol.asyncIterator]();
      expect(await code(Promise.resolve(watch.next()))).toBe('COORDINATION_REJECTED');
      expect((await right.get('a'))?.value).toBe('1');
      await Promise.all([right.close(), wrong.close(), nobody.close()]);
    }));
});
