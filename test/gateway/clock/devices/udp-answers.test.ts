import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { derivedPassword } from '../../../../core/identity/index.ts';
import { UdpTime } from '../../../../core/mesh-clock/index.ts';
import {
  decodeAnswerPacket,
  encodeQuestionPacket,
  TIME_PACKET_BYTES,
  timePacketKey,
} from '../../../../core/mesh-time/index.ts';
import { seededRandom } from '../../../../core/random/index.ts';
import { systemClock } from '../../../../core/time/index.ts';
import { UdpAnswers } from '../../../../gateway/clock/devices/index.ts';
import { eventually } from '../../../support/eventually.ts';

const SITE_KEY = 'a site key of some length';
/** Mesh time over the machine's monotonic clock: nowhere near its wall clock. */
const MESH_MS = 1_000_000_000_000;
const passwordOf = (device: string): string => derivedPassword(SITE_KEY, 'device', device);
const keyOf = (device: string) => timePacketKey(passwordOf(device));
const idOf = (number: number): string => number.toString(16).padStart(16, '0');

let answers: UdpAnswers;
let socket: Socket;
const clients: UdpTime[] = [];

const serve = async (port = 0): Promise<UdpAnswers> => {
  const made = new UdpAnswers({
    ...{ name: 'gateway-1', siteKey: SITE_KEY, listen: { host: '127.0.0.1', port }, clock: systemClock },
    meshAt: (monotonicMs) => ({ ms: MESH_MS + monotonicMs, uncertaintyMs: 0.5, kind: 'absolute' }),
  });
  await made.start();
  return made;
};

beforeEach(async () => {
  answers = await serve();
  socket = createSocket('udp4');
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.stop();
  socket.close();
  await answers.stop();
});

function send(bytes: Uint8Array): void {
  socket.send(bytes, answers.port ?? 0, '127.0.0.1');
}

async function answerTo(bytes: Uint8Array): Promise<Buffer> {
  send(bytes);
  const [answer] = (await once(socket, 'message')) as [Buffer];
  return answer;
}

function client(ports: (number | undefined)[], password = passwordOf('pi')): UdpTime {
  const made = new UdpTime({
    ...{ clock: systemClock, random: seededRandom('udp'), device: 'pi', password },
    servers: ports.map((port) => ({ host: '127.0.0.1', port: port ?? 0 })),
    follower: { spacingMs: 5, answerTimeoutMs: 100, intervalMsMin: 50 },
  });
  clients.push(made);
  made.start();
  return made;
}

describe('UdpAnswers', () => {
  it('answers a device that proves its key, in as many bytes as it was asked with', async () => {
    const before = systemClock.monotonicMs();
    const bytes = await answerTo(encodeQuestionPacket('pi', { id: idOf(1), t1Ms: before }, keyOf('pi')));
    const decoded = decodeAnswerPacket(bytes, 'pi', keyOf('pi'));
    expect(decoded).toMatchObject({
      answer: { id: idOf(1), t1Ms: before, uncertaintyMs: 0.5, kind: 'absolute', serverId: 'gateway-1' },
    });
    const { t2Ms, t3Ms } = (decoded as { answer: { t2Ms: number; t3Ms: number } }).answer;
    expect(t2Ms).toBeGreaterThanOrEqual(MESH_MS + before - 0.01);
    expect(t3Ms).toBeGreaterThanOrEqual(t2Ms);
    expect(bytes).toHaveLength(TIME_PACKET_BYTES);
  });

  it('gives no answer to what is forged, malformed or sent again, and counts it', async () => {
    const good = encodeQuestionPacket('pi', { id: idOf(1), t1Ms: 0 }, keyOf('pi'));
    await answerTo(good);
    const heard: Buffer[] = [];
    socket.on('message', (bytes) => heard.push(bytes));
    send(good);
    send(encodeQuestionPacket('pi', { id: idOf(2), t1Ms: 0 }, keyOf('other')));
    send(good.subarray(1));
    send(Buffer.concat([good, Buffer.from('x')]));
    send(Buffer.alloc(TIME_PACKET_BYTES, 0xff));
    await eventually(() => expect(answers.counts).toEqual({ answered: 1, malformed: 3, forged: 1, replayed: 1 }));
    // Datagrams of the loopback keep their order, so what would have been answered is here before this one.
    send(encodeQuestionPacket('pi2', { id: idOf(3), t1Ms: 0 }, keyOf('pi2')));
    await eventually(() => expect(heard).toHaveLength(1));
    expect(decodeAnswerPacket(heard[0] as Buffer, 'pi2', keyOf('pi2'))).toHaveProperty('answer');
  });

  it('says that its port is taken', async () => {
    await expect(serve(answers.port)).rejects.toMatchObject({ code: 'PORT_TAKEN' });
  });
});

describe('UdpTime', () => {
  it('follows a gateway to within what it says', async () => {
    const { clock } = client([answers.port]);
    expect(clock.uncertaintyMs()).toBe(Number.POSITIVE_INFINITY);
    expect(Math.abs(clock.wallMs() - systemClock.wallMs())).toBeLessThan(1_000);
    await eventually(() => expect(clock.isSynchronised).toBe(true));
    const { ms, uncertaintyMs, kind } = clock.now();
    expect(Math.abs(ms - MESH_MS - systemClock.monotonicMs())).toBeLessThan(uncertaintyMs + 1);
    expect(uncertaintyMs).toBeLessThan(50);
    expect(kind).toBe('absolute');
    expect(clock.serverId).toBe('gateway-1');
  });

  it('goes to another gateway when one is silent', async () => {
    const dead = createSocket('udp4');
    dead.bind(0, '127.0.0.1');
    await once(dead, 'listening');
    const { clock } = client([(dead.address() as AddressInfo).port, answers.port]);
    await eventually(() => expect(clock.isSynchronised).toBe(true));
    dead.close();
  });

  it('believes nobody who does not hold its key, and counts what is sent again or was not asked for', async () => {
    const liar = createSocket('udp4');
    liar.bind(0, '127.0.0.1');
    await once(liar, 'listening');
    // It passes the questions on, gives each true answer twice, and adds one of its own that it cannot seal.
    const onward = createSocket('udp4');
    let asker = 0;
    liar.on('message', (bytes, { port }) => {
      asker = port;
      onward.send(bytes, answers.port ?? 0, '127.0.0.1');
    });
    onward.on('message', (bytes) => {
      const forged = Buffer.from(bytes);
      forged.writeDoubleBE(MESH_MS * 2, 152);
      for (const one of [forged, bytes, bytes]) liar.send(one, asker, '127.0.0.1');
    });
    const { clock } = client([(liar.address() as AddressInfo).port]);
    await eventually(() => expect(clock.counts.replayed).toBeGreaterThan(8));
    expect(clock.counts.malformed).toBeGreaterThan(8);
    expect(Math.abs(clock.wallMs() - MESH_MS - systemClock.monotonicMs())).toBeLessThan(1_000);
    liar.close();
    onward.close();
  });

  it('is told nothing when its password is not that of its account', async () => {
    const { clock } = client([answers.port], passwordOf('other'));
    await eventually(() => expect(answers.counts.forged).toBeGreaterThan(8));
    expect(clock.isSynchronised).toBe(false);
  });
});
