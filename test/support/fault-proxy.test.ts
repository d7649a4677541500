import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { delay, systemClock } from '../../core/time/index.ts';
import { eventually } from './eventually.ts';
import { FaultProxy, type FaultProxyOptions } from './fault-proxy.ts';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface End {
  socket: Socket;
  received: Buffer[];
  bytes(): number;
  ended: () => boolean;
}

function end(socket: Socket): End {
  const received: Buffer[] = [];
  let isEnded = false;
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('end', () => {
    isEnded = true;
  });
  socket.on('error', () => {});
  cleanups.push(() => socket.destroy());
  return { socket, received, bytes: () => Buffer.concat(received).length, ended: () => isEnded };
}

/** A target that takes connections, a proxy in front of it, and a way to connect both ends. */
async function world(options: FaultProxyOptions = {}): Promise<{ proxy: FaultProxy; pair(): Promise<[End, End]> }> {
  const server = createServer({ noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  const proxy = await FaultProxy.open((server.address() as AddressInfo).port, options);
  cleanups.push(() => proxy.close());
  const pair = async (): Promise<[End, End]> => {
    const accepted = once(server, 'connection');
    const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return [end(socket), end((await accepted)[0] as Socket)];
  };
  return { proxy, pair };
}

/** Resolves when the socket is closed; with whether that was by a reset. */
function closed(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => socket.once('close', resolve));
}

async function msUntil(check: () => void): Promise<number> {
  const startMs = performance.now();
  await eventually(check, 10_000, 1);
  return performance.now() - startMs;
}

describe('FaultProxy', () => {
  it('passes bytes and a FIN both ways, and counts them by direction', async () => {
    const { proxy, pair } = await world();
    const [client, target] = await pair();
    client.socket.write('to the target');
    target.socket.write('back');
    client.socket.end();
    await eventually(() => expect([target.ended(), client.bytes()]).toEqual([true, 4]));
    expect(Buffer.concat(target.received).toString()).toBe('to the target');
    expect([proxy.bytesOf('toTarget'), proxy.bytesOf('fromTarget'), proxy.bytes]).toEqual([13, 4, 17]);
  });

  it('delays one direction and keeps the order under jitter', async () => {
    const { proxy, pair } = await world();
    const [client, target] = await pair();
    proxy.impair({ delayMs: 250, jitterMs: 100 }, 'toTarget');
    const text = Array.from({ length: 50 }, (_, i) => `${i};`).join('');
    for (const part of text.split(/(?<=;)/)) client.socket.write(part);
    expect(await msUntil(() => expect(target.bytes()).toBe(text.length))).toBeGreaterThan(249);
    expect(Buffer.concat(target.received).toString()).toBe(text);
    target.socket.write('quick');
    expect(await msUntil(() => expect(client.bytes()).toBe(5))).toBeLessThan(250);
  });

  it('does not let a FIN overtake the bytes before it', async () => {
    const { proxy, pair } = await world();
    const [client, target] = await pair();
    proxy.impair({ delayMs: 50 });
    client.socket.end('the last words');
    await eventually(() => expect(target.ended()).toBe(true));
    expect(Buffer.concat(target.received).toString()).toBe('the last words');
  });

  it('bounds bandwidth over all connections, and what it holds; the sender waits', async () => {
    const { proxy, pair } = await world();
    const pairs = [await pair(), await pair()] as const;
    proxy.impair({ bytesPerSecondMax: 20_000_000 }, 'toTarget');
    const sent = Buffer.alloc(4_000_000);
    for (const [client] of pairs) client.socket.write(sent);
    const bytes = (): number => pairs[0][1].bytes() + pairs[1][1].bytes();
    expect(await msUntil(() => expect(bytes()).toBe(8_000_000))).toBeGreaterThan(395);
    expect(proxy.heldBytesPeakOf('toTarget')).toBeGreaterThan(500_000);
    // One chunk may come on top of the bound.
    expect(proxy.heldBytesPeakOf('toTarget')).toBeLessThan(1_200_000);
  });

  it('cuts one way without a word: the other way goes on, and no FIN comes through', async () => {
    const { proxy, pair } = await world();
    const [client, target] = await pair();
    proxy.silence('toTarget');
    client.socket.write('lost');
    target.socket.write('heard');
    await eventually(() => expect(client.bytes()).toBe(5));
    client.socket.end();
    await delay(systemClock, 50);
    expect([target.bytes(), target.ended()]).toEqual([0, false]);
    proxy.mend();
    const [again, targetAgain] = await pair();
    again.socket.write('new');
    await eventually(() => expect(targetAgain.bytes()).toBe(3));
    expect([target.bytes(), target.ended()]).toEqual([0, false]);
  });

  it('never lets a stream with a hole go on, and goes on with one that has none', async () => {
    const { proxy, pair } = await world();
    const [holed, holedTarget] = await pair();
    const [whole, wholeTarget] = await pair();
    proxy.stall();
    holed.socket.write('lost');
    await delay(systemClock, 50);
    proxy.mend();
    holed.socket.write('after');
    whole.socket.write('after');
    await eventually(() => expect(wholeTarget.bytes()).toBe(5));
    expect(holedTarget.bytes()).toBe(0);
  });

  it('accepts while it is stalled, and forwards nothing', async () => {
    const { proxy, pair } = await world();
    proxy.stall();
    const [client, target] = await pair();
    client.socket.write('x');
    target.socket.write('x');
    await delay(systemClock, 50);
    expect([client.bytes(), target.bytes(), proxy.connections]).toEqual([0, 0, 1]);
  });

  it('loses what was under way when it goes silent', async () => {
    const { proxy, pair } = await world();
    const [client, target] = await pair();
    proxy.impair({ delayMs: 100 });
    client.socket.write('x'.repeat(100));
    await eventually(() => expect(proxy.heldBytesPeakOf('toTarget')).toBe(100), 1_000, 1);
    proxy.stall();
    await delay(systemClock, 150);
    expect(target.bytes()).toBe(0);
  });

  it('passes a reset on, and makes its own', async () => {
    const { proxy, pair } = await world();
    const [client, target] = await pair();
    const reset = closed(target.socket);
    client.socket.resetAndDestroy();
    expect(await reset).toBe(true);
    const [second, secondTarget] = await pair();
    const both = Promise.all([closed(second.socket), closed(secondTarget.socket)]);
    proxy.cut();
    expect(await both).toEqual([true, true]);
    expect(proxy.resets).toBe(1);
    const refused = end(connect(proxy.port, '127.0.0.1'));
    expect(await closed(refused.socket)).toBe(true);
  });

  it('cuts at the byte, and the connections after it at the same bytes for the same seed', async () => {
    const places = async (seed: number): Promise<number[]> => {
      const { proxy, pair } = await world({ seed });
      proxy.loseByReset({ bytesMean: 20_000 });
      const found: number[] = [];
      while (found.length < 5) {
        const [client, target] = await pair();
        const cut = closed(target.socket);
        for (let i = 0; i < 1_000; i++) client.socket.write(Buffer.alloc(1_000));
        await cut;
        found.push(proxy.bytesOf('toTarget') - found.reduce((sum, each) => sum + each, 0));
      }
      return found;
    };
    const first = await places(7);
    expect(await places(7)).toEqual(first);
    expect(await places(8)).not.toEqual(first);
    expect(new Set(first).size).toBe(5);
  });

  it('resets after random times until it is mended', async () => {
    const { proxy, pair } = await world({ seed: 3 });
    proxy.loseByReset({ intervalMsMean: 10 });
    for (let i = 0; i < 5; i++) {
      const [client] = await pair();
      await closed(client.socket);
    }
    expect(proxy.resets).toBeGreaterThan(4);
    proxy.mend();
    const [client, target] = await pair();
    await delay(systemClock, 100);
    client.socket.write('x');
    await eventually(() => expect(target.bytes()).toBe(1));
  });
});
