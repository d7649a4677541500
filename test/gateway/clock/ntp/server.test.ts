import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/index.ts';
import { ASSOCIATION_DEFAULTS, Association, type MeshReading, NtpServer } from '../../../../gateway/clock/ntp/index.ts';
import { readWallClock } from '../../../../gateway/clock/reference/wall-clock.ts';
import { describeWithPeers } from '../../../support/peers.ts';
import { chronydOffsetMs, ntpdig } from './ntp-clients.ts';

const AHEAD_MS = 250;
const log = pino({ level: 'silent' });
const servers: NtpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

/** Mesh time runs ahead of the machine's wall clock. */
const wall = readWallClock(systemClock);
const utcMinusMonotonicMs = (wall?.utcMs ?? Number.NaN) - (wall?.atMonotonicMs ?? Number.NaN);
const ahead = (monotonicMs: number): MeshReading => ({
  kind: 'relative',
  ms: utcMinusMonotonicMs + monotonicMs + AHEAD_MS,
  uncertaintyMs: 1,
});

/** A busy machine may delay one way of an exchange more than the other. */
function expectPlanted(offsetMs: number): void {
  expect(Math.abs(offsetMs - AHEAD_MS)).toBeLessThan(25);
}

async function serve(meshAt: (monotonicMs: number) => MeshReading, port = 0, host = '127.0.0.1'): Promise<NtpServer> {
  const server = new NtpServer({ host, port, meshAt, clock: systemClock, log });
  await server.start();
  servers.push(server);
  return server;
}

describe('the NTP server', () => {
  it.each(['127.0.0.1', '::1'])('answers our own client at %s', async (host) => {
    const server = await serve(ahead, 0, host);
    const socket = createSocket(host === '::1' ? 'udp6' : 'udp4');
    try {
      const association = new Association({ ...ASSOCIATION_DEFAULTS, nonce: () => 7n });
      const answered = once(socket, 'message');
      socket.send(association.request(systemClock.monotonicMs()), server.address.port, server.address.host);
      const [bytes] = await answered;
      expect(association.receive(bytes, systemClock.monotonicMs())).toHaveProperty('sample');
      const estimate = association.estimate(systemClock.monotonicMs());
      const errorMs = Math.abs((estimate?.offsetMs ?? Number.NaN) - utcMinusMonotonicMs - AHEAD_MS);
      expect(errorMs).toBeLessThanOrEqual(estimate?.uncertaintyMs ?? Number.NaN);
    } finally {
      socket.close();
    }
  });

  it('says PORT_TAKEN, and can be started once the port is free', async () => {
    const first = await serve(ahead);
    const { port } = first.address;
    const second = new NtpServer({ port, meshAt: ahead, clock: systemClock, log });
    await expect(second.start()).rejects.toMatchObject({ code: 'PORT_TAKEN' });
    await first.stop();
    await first.stop();
    await second.start();
    servers.push(second);
    expect(second.address).toEqual({ host: '127.0.0.1', port });
  });
});

describeWithPeers('the NTP server, asked by chronyd', ['chronyd'], () => {
  it('is accepted, and shows the offset that was planted', async () => {
    const server = await serve(ahead);
    expectPlanted(await chronydOffsetMs(server.address.port));
    expect(server.counters).toMatchObject({ sendFailed: 0, socketErrors: 0, kissedRate: 0 });
    expect(server.counters.answered).toBeGreaterThanOrEqual(3);
  });

  it('is not followed while there is no mesh time', async () => {
    const server = await serve(() => ({ kind: 'none' }));
    await expect(chronydOffsetMs(server.address.port)).rejects.toThrow(/chronyd|Command failed/);
    expect(server.counters.answeredUnsynchronised).toBeGreaterThanOrEqual(3);
  });
});

describeWithPeers('the NTP server, asked by ntpdig', ['ntpdig'], () => {
  it('is accepted, and shows the offset that was planted', async () => {
    const server = await serve(ahead);
    const answer = await ntpdig(server.address.port);
    expect(answer).toMatchObject({ stratum: 10, leap: 'no-leap' });
    expectPlanted(answer.offset * 1_000);
  });

  it('is not followed while there is no mesh time', async () => {
    const server = await serve(() => ({ kind: 'none' }));
    await expect(ntpdig(server.address.port)).rejects.toThrow();
    expect(server.counters.answeredUnsynchronised).toBeGreaterThanOrEqual(1);
  });
});
