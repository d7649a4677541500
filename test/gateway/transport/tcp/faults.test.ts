import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { TcpTransport } from '../../../../gateway/transport/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { FaultProxy } from '../../../support/fault-proxy.ts';
import { freePort } from '../../../support/free-port.ts';
import { Gateways } from '../gateways.ts';

const A = { site: 'home', name: 'a' };
const B = { site: 'home', name: 'b' };
const gateways = new Gateways();
const proxies: FaultProxy[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await gateways.close();
  for (const proxy of proxies.splice(0)) await proxy.close();
});

/** a reaches b through the proxy; b reaches a directly. */
async function connected(limits: Parameters<Gateways['open']>[1] = {}): Promise<{
  a: TcpTransport;
  b: TcpTransport;
  proxy: FaultProxy;
}> {
  const a = await gateways.open(A, limits);
  const b = await gateways.open(B, limits);
  const proxy = await FaultProxy.open(b.address.port, { seed: 1 });
  proxies.push(proxy);
  a.setPeer({ ...B, host: '127.0.0.1', port: proxy.port });
  b.setPeer({ ...A, ...a.address });
  await eventually(() => expect([a.isUp('b'), b.isUp('a')]).toEqual([true, true]));
  return { a, b, proxy };
}

describe('a transport among faults', () => {
  it('knows within milliseconds that a process was killed, and connects to the next one', async () => {
    const a = await gateways.open(A);
    const start = async (port: number): Promise<{ child: ChildProcess; port: number }> => {
      const child = fork(fileURLToPath(new URL('gateway-process.ts', import.meta.url)), [
        String(a.address.port),
        String(port),
      ]);
      children.push(child);
      const [message] = await once(child, 'message');
      return { child, port: message.port };
    };
    const { child, port } = await start(0);
    a.setPeer({ ...B, host: '127.0.0.1', port });
    await eventually(() => expect(a.isUp('b')).toBe(true));
    const down = Promise.withResolvers<{ refused: boolean; atMs: number }>();
    a.onPeerDown((_, { refused }) => down.resolve({ refused, atMs: performance.now() }));
    const killedAtMs = performance.now();
    child.kill('SIGKILL');
    const { refused, atMs } = await down.promise;
    expect(refused).toBe(true);
    expect(atMs - killedAtMs).toBeLessThan(1_000);
    await start(port);
    await eventually(() => expect(a.isUp('b')).toBe(true));
  });

  it('dials a peer that has come back as soon as that one dials, however long it would have waited', async () => {
    const port = await freePort();
    const limits = { backoff: { firstMs: 600_000, lastMs: 600_000 } };
    const a = await gateways.open(A, { limits });
    a.setPeer({ ...B, host: '127.0.0.1', port });
    await eventually(() => expect(a.peers()[0]?.lastError).toBeDefined());
    const b = await gateways.open(B, { listen: { host: '127.0.0.1', port } });
    b.setPeer({ ...A, ...a.address });
    await eventually(() => expect([a.isUp('b'), b.isUp('a')]).toEqual([true, true]));
  });

  it('notices a line that is dead though nobody closed it, and comes back when it lives', async () => {
    const { a, proxy } = await connected({ limits: { pingIntervalMs: 20, silenceTimeoutMs: 200 } });
    const downs: boolean[] = [];
    a.onPeerDown((_, { refused }) => downs.push(refused));
    proxy.silence('fromTarget');
    await eventually(() => expect(downs).toEqual([false]));
    proxy.mend();
    proxy.reset();
    await eventually(() => expect(a.isUp('b')).toBe(true));
  });

  it('loses frames only with a connection, never their order', async () => {
    const { a, b, proxy } = await connected();
    const numbers: number[] = [];
    b.onFrame('n', (_, bytes) => numbers.push(bytes.readUInt32BE(0)));
    proxy.loseByReset({ bytesMean: 20_000 });
    let sent = 0;
    await eventually(
      () => {
        for (let i = 0; i < 100; i++) {
          const bytes = Buffer.alloc(200);
          bytes.writeUInt32BE(sent, 0);
          if (a.send('b', 'n', bytes)) sent += 1;
        }
        expect(proxy.resets).toBeGreaterThan(5);
      },
      20_000,
      5,
    );
    expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
    expect(b.counters().framesInvalid).toBe(0);
  });

  it('drops and counts what does not fit the queue of a peer that does not read', async () => {
    const { a, proxy } = await connected({ limits: { queueBytesMax: 1_000_000 } });
    proxy.impair({ bytesPerSecondMax: 1_000 });
    const bytes = Buffer.alloc(100_000);
    await eventually(() => {
      for (let i = 0; i < 20; i++) a.send('b', 'x', bytes);
      expect(a.counters().droppedQueueFull).toBeGreaterThan(0);
    });
    expect(a.send('b', 'x', Buffer.alloc(9 * 1024 * 1024))).toBe(false);
    expect(a.counters().droppedTooLarge).toBe(1);
  });

  it('lets frames pass a stream whose receiver is slow, and holds no more of it than its window', async () => {
    const { a, b } = await connected();
    const heard: string[] = [];
    b.onFrame('t', (_, bytes) => heard.push(String(bytes)));
    const go = Promise.withResolvers<void>();
    let received = 0;
    b.onStream('s', async (_peer, _meta, chunks) => {
      await go.promise;
      for await (const chunk of chunks) received += chunk.length;
    });
    let produced = 0;
    const stream = a.sendStream(
      'b',
      's',
      Buffer.alloc(0),
      (function* () {
        for (let piece = 0; piece < 64; piece++) {
          produced += 1;
          yield Buffer.alloc(256 * 1024);
        }
      })(),
    );
    await eventually(() => expect(produced).toBe(5));
    a.send('b', 't', Buffer.from('heartbeat'));
    await eventually(() => expect(heard).toEqual(['heartbeat']));
    expect(produced).toBe(5);
    go.resolve();
    await stream;
    expect(received).toBe(64 * 256 * 1024);
  });
});
