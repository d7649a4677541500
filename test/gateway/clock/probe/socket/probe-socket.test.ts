import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../../core/time/index.ts';
import type { Exchange, ProbeLimits, ProbeSocket, Unanswered } from '../../../../../gateway/clock/probe/index.ts';
import { encodeProbe, PACKET_BYTES, probeKey } from '../../../../../gateway/clock/probe/packet.ts';
import { eventually } from '../../../../support/eventually.ts';
import { KEY, probeOf } from '../packets.ts';
import { holdUp } from './hold-up.ts';
import { newSocket } from './sockets.ts';

/** By how much the clocks of two threads may differ in their reading. */
const CLOCK_GRAIN_MS = 0.005;
const open: ProbeSocket[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(open.splice(0).map((socket) => socket.stop()));
});

function openSocket(...args: Parameters<typeof newSocket>): ProbeSocket {
  const socket = newSocket(...args);
  open.push(socket);
  return socket;
}

/** Two sockets that know each other. */
async function pair(
  limits: Partial<ProbeLimits> = {},
): Promise<{ a: ProbeSocket; b: ProbeSocket; portA: number; portB: number }> {
  const a = openSocket('a', { limits });
  const b = openSocket('b', { limits });
  const [{ port: portA }, { port: portB }] = await Promise.all([a.start(), b.start()]);
  a.setPeers([{ name: 'b', host: '127.0.0.1', port: portB }]);
  b.setPeers([{ name: 'a', host: 'localhost', port: portA }]);
  return { a, b, portA, portB };
}

function collect(socket: ProbeSocket): Exchange[] {
  const exchanges: Exchange[] = [];
  socket.onExchange((exchange) => exchanges.push(exchange));
  return exchanges;
}

const roundTripMs = ({ t1Ms, t2Ms, t3Ms, t4Ms }: Exchange) => t4Ms - t1Ms - (t3Ms - t2Ms);
const offsetMs = ({ t1Ms, t2Ms, t3Ms, t4Ms }: Exchange) => (t2Ms - t1Ms + (t3Ms - t4Ms)) / 2;

/**
 * All threads and processes of a machine share one clock, so the true offset is 0: it lies within half the round trip of every
 * exchange, and the best of 16 is close to it. Other programs may hold up a few of these.
 */
function expectNoOffset(exchanges: readonly Exchange[]): void {
  for (const exchange of exchanges) {
    expect(roundTripMs(exchange)).toBeGreaterThan(0);
    expect(Math.abs(offsetMs(exchange))).toBeLessThan(roundTripMs(exchange) / 2 + CLOCK_GRAIN_MS);
  }
  const inOrder = exchanges.toSorted((one, other) => one.t1Ms - other.t1Ms);
  const errorsMs: number[] = [];
  for (let from = 0; from + 16 <= inOrder.length; from += 16) {
    const [best] = inOrder.slice(from, from + 16).toSorted((one, other) => roundTripMs(one) - roundTripMs(other));
    errorsMs.push(Math.abs(offsetMs(best as Exchange)));
  }
  expect(median(errorsMs)).toBeLessThan(0.5);
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] as number;
}

/** Asks in bursts, with this thread blocked for half of the time, until there are so many exchanges. */
async function measureBlocked(socket: ProbeSocket, peer: string, wanted: number): Promise<Exchange[]> {
  const exchanges = collect(socket);
  for (let turn = 0; exchanges.length < wanted && turn < 100; turn++) {
    socket.probe(peer, 16, 2);
    await setTimeout(holdUp(turn));
  }
  expect(exchanges.length).toBeGreaterThanOrEqual(wanted);
  return exchanges;
}

describe('a socket for clock probes', () => {
  it('measures an offset of nothing between two threads, though the main thread is blocked half of the time', async () => {
    const { a, b } = await pair();
    const exchanges = await measureBlocked(a, 'b', 160);
    expectNoOffset(exchanges);
    // A main thread that stamps would see its own pauses of 50 ms and more.
    expect(median(exchanges.map(roundTripMs))).toBeLessThan(5);
    const [{ boot } = { boot: '' }] = exchanges;
    expect(boot).toMatch(/^[0-9a-f]{16}$/);
    expect(
      exchanges.every((exchange) => exchange.peer === 'b' && exchange.path === 'udp' && exchange.boot === boot),
    ).toBe(true);
    await eventually(() => {
      const { probesSent, exchanges: taken, unanswered, rejectedLag } = a.counters();
      expect(taken).toBe(exchanges.length);
      expect(taken + unanswered + rejectedLag).toBe(probesSent);
      expect(b.counters().answered).toBe(probesSent);
    });
  });

  it('measures an offset of nothing to another process, both main threads blocked half of the time', async () => {
    const a = openSocket('a');
    const { port } = await a.start();
    const child = fork(fileURLToPath(new URL('socket-process.ts', import.meta.url)), [String(port)]);
    children.push(child);
    const [message] = await once(child, 'message');
    a.setPeers([{ name: 'b', host: '127.0.0.1', port: message.port }]);
    expectNoOffset(await measureBlocked(a, 'b', 160));
    const unanswered: Unanswered[] = [];
    a.onUnanswered((each) => unanswered.push(each));
    child.kill('SIGKILL');
    await once(child, 'exit');
    // Of the burst before, 16 at most may be unanswered too.
    a.probe('b', 20, 1);
    await eventually(() => {
      const probes = unanswered.reduce((sum, each) => sum + each.probes, 0);
      expect(probes).toBeGreaterThanOrEqual(20);
    });
  });

  it('answers a good probe with as many bytes, and nothing else at all', async () => {
    const { b, portB } = await pair();
    const stranger = createSocket('udp4');
    const replies: Buffer[] = [];
    stranger.on('message', (bytes) => replies.push(bytes));
    const send = (bytes: Buffer) => stranger.send(bytes, portB, '127.0.0.1');
    const good = encodeProbe(probeOf({ sequence: 1 }), KEY);
    send(Buffer.from('nonsense'));
    send(encodeProbe(probeOf({ sequence: 2 }), probeKey('another key')));
    send(good);
    await eventually(() => expect(replies).toHaveLength(1));
    send(good);
    send(encodeProbe(probeOf({ sequence: 3, sender: { site: 'home', name: 'x' } }), KEY));
    await eventually(() =>
      expect(b.counters()).toMatchObject({
        answered: 1,
        refused: { malformed: 1, forged: 1, replayed: 1, unknownPeer: 1 },
      }),
    );
    const address = `127.0.0.1:${stranger.address().port}`;
    expect(b.refusals().map(({ reason, address, claims }) => [reason, address, claims])).toEqual([
      ['unknownPeer', address, 'home/x'],
      ['replayed', address, 'home/a'],
      ['forged', address, 'home/a'],
      ['malformed', address, undefined],
    ]);
    expect(replies.map(({ length }) => length)).toEqual([PACKET_BYTES]);
    stranger.close();
  });

  it('says that its port is taken, or cannot be had', async () => {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const listen = { host: '127.0.0.1', port };
    await expect(openSocket('a', { listen }).start()).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(String(port)),
    });
    other.close();
    // An address of the documentation (RFC 5737) is of no machine.
    const elsewhere = { host: '192.0.2.1', port: 0 };
    await expect(openSocket('a', { listen: elsewhere }).start()).rejects.toMatchObject({
      code: 'PORT_UNUSABLE',
      message: expect.stringContaining('EADDRNOTAVAIL'),
    });
  });

  it('starts its thread again on the same port, and goes on with all that was counted', async () => {
    // On a busy machine cold threads are late again and again; whether they are is not what is asked here.
    const { a, b, portB } = await pair({ lagMsMax: 1_000 });
    const exchanges = collect(a);
    await eventually(() => {
      a.probe('b', 1, 1);
      expect(Math.min(exchanges.length, b.counters().answered)).toBeGreaterThanOrEqual(4);
    });
    const before = { exchanges: exchanges.length, answered: b.counters().answered };
    const peers = [{ name: 'b', host: '127.0.0.1', port: portB }];
    for (const socket of [a, b]) {
      // No caller can send this; it is what a fault in the thread would look like.
      socket.setPeers([null as never]);
      socket.setPeers(socket === a ? peers : [{ name: 'a', host: '127.0.0.1', port: 1 }]);
      await eventually(() => expect(socket.restarts).toBe(1));
    }
    await eventually(() => {
      a.probe('b', 1, 1);
      expect(exchanges.length).toBeGreaterThan(before.exchanges);
    });
    await eventually(() => expect(b.counters().answered).toBeGreaterThan(before.answered));
    expect(b.counters().refused.replayed).toBe(0);
    expect(new Set(exchanges.map(({ boot }) => boot)).size).toBe(1);
  });

  it('says at once that nothing goes out while there is no thread, and is stopped twice', async () => {
    const { a } = await pair();
    const unanswered: Unanswered[] = [];
    a.onUnanswered((each) => unanswered.push(each));
    const beganMs = systemClock.monotonicMs();
    await a.stop();
    await a.stop();
    a.probe('b', 5, 1);
    expect(unanswered).toEqual([{ peer: 'b', path: 'udp', probes: 5 }]);
    expect(a.counters().notSent).toBe(5);
    expect(systemClock.monotonicMs() - beganMs).toBeLessThan(5_000);
  });

  it('outlives a peer that cannot be sent to', async () => {
    const { a } = await pair();
    const unanswered: Unanswered[] = [];
    a.onUnanswered((each) => unanswered.push(each));
    a.setPeers([{ name: 'b', host: '127.0.0.1', port: 0 }]);
    a.probe('b', 1, 1);
    await eventually(() => expect(a.counters()).toMatchObject({ probesSent: 0, notSent: 1 }));
    expect(unanswered).toEqual([{ peer: 'b', path: 'udp', probes: 1 }]);
    expect(a.restarts).toBe(0);
  });

  it('reaches peers over IPv6 and, on such a socket, over IPv4', async () => {
    const a = openSocket('a', { listen: { host: '::', port: 0 } });
    const b = openSocket('b', { listen: { host: '::1', port: 0 } });
    const c = openSocket('c');
    const [onA, onB, onC] = await Promise.all([a, b, c].map((socket) => socket.start()));
    a.setPeers([
      { name: 'b', host: '::1', port: onB?.port as number },
      { name: 'c', host: '127.0.0.1', port: onC?.port as number },
    ]);
    for (const socket of [b, c]) socket.setPeers([{ name: 'a', host: 'localhost', port: onA?.port as number }]);
    const exchanges = collect(a);
    await eventually(() => {
      a.probe('b', 1, 1);
      a.probe('c', 1, 1);
      expect(new Set(exchanges.map(({ peer }) => peer))).toEqual(new Set(['b', 'c']));
    });
  });
});
