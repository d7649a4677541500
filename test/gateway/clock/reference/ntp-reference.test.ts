import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { systemClock, VirtualClock } from '../../../../core/time/index.ts';
import { refidOfText } from '../../../../gateway/clock/ntp/refid.ts';
import {
  NtpReference,
  type NtpReferenceOptions,
  ntpReferenceSchema,
  type ReferenceSample,
  type ServerState,
} from '../../../../gateway/clock/reference/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/free-port.ts';
import { FakeServer, TRUE_OFFSET_MS } from './fake-server.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function fakeServer(options: Parameters<typeof FakeServer.open>[0] = {}): Promise<FakeServer> {
  const server = await FakeServer.open(options);
  closers.push(() => server.close());
  return server;
}

type Setting = Partial<NtpReferenceOptions['config']> &
  Pick<Partial<NtpReferenceOptions>, 'resolve' | 'clock'> & { host?: string };

/** Follows those ports, and asks often. */
async function follow(
  ports: readonly number[],
  { resolve, clock = systemClock, host = '127.0.0.1', ...config }: Setting = {},
) {
  const { kind: _, ...defaults } = ntpReferenceSchema.parse({
    kind: 'ntp',
    servers: ports.map((port) => ({ host, port })),
  });
  const warnings: { code: string; reason: string }[] = [];
  const reference = new NtpReference({
    config: { ...defaults, burstSpacingMs: 20, pollMs: 40, ...config },
    clock,
    random: seededRandom(1),
    log: pino({ level: 'warn' }, { write: (line: string) => warnings.push(JSON.parse(line)) }),
    backoff: { firstMs: 20, lastMs: 40 },
    ...(resolve !== undefined && { resolve }),
  });
  const samples: ReferenceSample[] = [];
  reference.onSample((sample) => samples.push(sample));
  await reference.start();
  closers.push(() => reference.stop());
  const server = (port: number): ServerState | undefined =>
    reference.state().servers.find(({ name }) => name.endsWith(`:${port}`));
  const sampled = (count = 1) => eventually(() => expect(samples.length).toBeGreaterThanOrEqual(count));
  return { reference, samples, sampled, server, warnings };
}

function errorMs({ atMonotonicMs, utcMs }: ReferenceSample): number {
  return Math.abs(utcMs - atMonotonicMs - TRUE_OFFSET_MS);
}

describe('one NTP server', () => {
  it('is followed as it is', async () => {
    const { port } = await fakeServer();
    const { reference, samples, sampled, server } = await follow([port]);
    await sampled(6);
    for (const sample of samples) expect(errorMs(sample)).toBeLessThanOrEqual(sample.uncertaintyMs);
    expect(samples[0]?.source).toBe(`ntp 127.0.0.1:${port}`);
    expect(reference.state()).toMatchObject({ kind: 'ntp', stratum: 2, lastSample: samples.at(-1), rejected: {} });
    expect(reference.state()).not.toHaveProperty('fault');
    expect(server(port)).toMatchObject({
      address: `127.0.0.1:${port}`,
      status: 'selected',
      stratum: 2,
      refid: '127.0.0.1',
      offsetMs: 0,
      pollMs: 40,
    });
    expect(server(port)?.reach).toBeGreaterThan(0b1111);
    const state = reference.state();
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });

  it('may have a name, and an address of IPv6', async () => {
    const { port } = await fakeServer({ host: '::1' });
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return { address: '::1', family: 6 };
    };
    const { sampled, server } = await follow([port], { host: 'ntp.example', resolve });
    await sampled();
    expect(asked).toEqual(['ntp.example']);
    expect(server(port)).toMatchObject({ name: `ntp.example:${port}`, address: `[::1]:${port}`, status: 'selected' });
  });

  it('is found again after its name could not be resolved', async () => {
    const { port } = await fakeServer();
    let attempts = 0;
    const resolve = async () => {
      attempts += 1;
      if (attempts < 3) throw new Error('getaddrinfo EAI_AGAIN ntp.example');
      return { address: '127.0.0.1', family: 4 };
    };
    const { sampled, warnings } = await follow([port], { host: 'ntp.example', resolve });
    await sampled();
    expect(attempts).toBe(3);
    expect(warnings).toMatchObject([{ code: 'TIME_REFERENCE_UNREACHABLE' }]);
    expect(warnings[0]?.reason).toContain(`ntp.example:${port}: getaddrinfo EAI_AGAIN`);
  });

  it('is found again when it starts late', async () => {
    const port = await freePort();
    const { reference, samples, sampled, server, warnings } = await follow([port]);
    await eventually(() => expect(server(port)?.trouble).toContain('ECONNREFUSED'));
    expect(server(port)?.status).toBe('unreachable');
    expect(reference.state().fault).toMatchObject({
      code: 'TIME_REFERENCE_UNREACHABLE',
      detail: expect.stringContaining(`127.0.0.1:${port}: `),
    });
    expect(samples).toEqual([]);
    await fakeServer({ port });
    await sampled();
    expect(server(port)).toMatchObject({ status: 'selected' });
    expect(server(port)).not.toHaveProperty('trouble');
    expect(reference.state()).not.toHaveProperty('fault');
    expect(warnings.map(({ code }) => code)).toEqual(['TIME_REFERENCE_UNREACHABLE']);
  });

  it('that falls silent is looked for again by its name, where it may have moved to', async () => {
    const first = await fakeServer();
    let host = '127.0.0.1';
    const resolve = async () => ({ address: host, family: 4 });
    const { sampled, samples, server } = await follow([first.port], { host: 'ntp.example', resolve });
    await sampled();
    const moved = await fakeServer({ port: first.port, host: '127.0.0.2' });
    host = '127.0.0.2';
    first.answer = () => [];
    await eventually(() => expect(moved.requests.length).toBeGreaterThan(0));
    await sampled(samples.length + 1);
    expect(server(first.port)?.address).toBe(`127.0.0.2:${first.port}`);
  });

  it.each([
    ['unsynchronised', { leap: 3 }],
    ['stratumUnsynchronised', { stratum: 16 }],
    ['zeroTransmit', { transmit: 0n }],
    ['rootDistanceTooLarge', { rootDispersionMs: 2_000 }],
  ])('whose answers are %s is refused, and that is said', async (reason, change) => {
    const fake = await fakeServer();
    fake.answer = () => [change];
    const { reference, samples, server } = await follow([fake.port]);
    await eventually(() => expect(server(fake.port)).toMatchObject({ status: 'refused', trouble: reason }));
    expect(reference.state().fault?.detail).toContain(reason);
    expect(reference.state().rejected[reason]).toBeGreaterThan(0);
    expect(samples).toEqual([]);
  });
});

describe('datagrams that are no answer', () => {
  it('are counted by name and change nothing, before and after the right one', async () => {
    const fake = await fakeServer();
    const liar = { receive: 1n << 63n, transmit: 1n << 63n };
    fake.answer = (request) => [
      { origin: 77n, ...liar },
      { mode: 3, ...liar },
      { version: 3, ...liar },
      Buffer.from('no packet'),
      {},
      { ...liar },
      { origin: request.transmit ^ 1n, ...liar },
    ];
    const { reference, samples, sampled } = await follow([fake.port]);
    await sampled(5);
    for (const sample of samples) expect(errorMs(sample)).toBeLessThanOrEqual(sample.uncertaintyMs);
    const { rejected } = reference.state();
    for (const reason of ['bogusOrigin', 'wrongMode', 'wrongVersion', 'tooShort', 'replay', 'unsolicited']) {
      expect(rejected[reason], reason).toBeGreaterThan(0);
    }
  });

  it('from another port never reach us, even with the right number in them', async () => {
    const fake = await fakeServer();
    const stranger = createSocket('udp4');
    stranger.bind(0, '127.0.0.1');
    await once(stranger, 'listening');
    closers.push(async () => void stranger.close());
    let forged = 0;
    fake.answer = (request, from) => {
      const forgery = fake.reply(request, { receive: 1n << 63n, transmit: 1n << 63n });
      stranger.send(forgery, from.port, from.address, () => {
        forged += 1;
        fake.send(fake.reply(request), from);
      });
      return [];
    };
    const { reference, samples, sampled } = await follow([fake.port]);
    await sampled(3);
    expect(forged).toBeGreaterThanOrEqual(3);
    for (const sample of samples) expect(errorMs(sample)).toBeLessThanOrEqual(sample.uncertaintyMs);
    expect(reference.state().rejected).toEqual({});
  });
});

describe("a kiss-o'-death", () => {
  it('of DENY ends it: the server is not asked again', async () => {
    const fake = await fakeServer();
    fake.answer = () => [{ stratum: 0, leap: 3, refid: refidOfText('DENY') }];
    const other = await fakeServer();
    const { sampled, samples, server, warnings } = await follow([fake.port, other.port]);
    await sampled(8);
    expect(fake.requests).toHaveLength(1);
    expect(server(fake.port)).toMatchObject({ status: 'kiss', kissCode: 'DENY', rejected: { kissDeny: 1 } });
    expect(warnings).toMatchObject([{ code: 'TIME_SERVER_REFUSES', reason: `127.0.0.1:${fake.port} says DENY.` }]);
    expect(samples.at(-1)?.source).toBe(`ntp 127.0.0.1:${other.port}`);
  });

  it('of RATE makes us ask half as often, each time', async () => {
    const fake = await fakeServer();
    fake.answer = () => (fake.requests.length <= 2 ? [{ stratum: 0, leap: 3, refid: refidOfText('RATE') }] : [{}]);
    const { sampled, server } = await follow([fake.port], { pollMs: 40 });
    await eventually(() => expect(server(fake.port)).toMatchObject({ status: 'kiss', kissCode: 'RATE' }));
    await sampled();
    expect(server(fake.port)).toMatchObject({ status: 'selected', pollMs: 160, rejected: { kissRate: 2 } });
  });

  it('of RATE holds at once, for the request that was next', async () => {
    const fake = await fakeServer();
    fake.answer = () => [{ stratum: 0, leap: 3, refid: refidOfText('RATE') }];
    const clock = new VirtualClock();
    const { server } = await follow([fake.port], { clock, burstSpacingMs: 250, pollMs: 60_000 });
    await eventually(() => expect(server(fake.port)?.kissCode).toBe('RATE'));
    expect(clock.nextDueMs()).toBe(120_000);
  });
});

describe('several NTP servers', () => {
  it('outvote the one that lies, and it is named', async () => {
    const honest = [await fakeServer(), await fakeServer()];
    const liar = await fakeServer({ aheadMs: 250 });
    const ports = [liar.port, ...honest.map(({ port }) => port)];
    const { samples, sampled, server, warnings } = await follow(ports);
    await sampled(6);
    for (const sample of samples) expect(errorMs(sample)).toBeLessThanOrEqual(sample.uncertaintyMs);
    expect(server(liar.port)?.status).toBe('falseticker');
    expect(Math.abs((server(liar.port)?.offsetMs ?? 0) - 250)).toBeLessThan(25);
    for (const { port } of honest) expect(server(port)).toMatchObject({ status: 'selected' });
    expect(samples.at(-1)?.source).not.toContain(String(liar.port));
    expect(warnings).toMatchObject([
      { code: 'TIME_SERVER_WRONG', reason: `127.0.0.1:${liar.port} contradicts the others.` },
    ]);
  });

  it('are all waited for, since the first to answer may be the one that lies', async () => {
    const liar = await fakeServer({ aheadMs: 250 });
    const slow = [await fakeServer(), await fakeServer()];
    for (const server of slow) server.answer = () => [];
    const ports = [liar.port, ...slow.map(({ port }) => port)];
    const { samples, sampled, server } = await follow(ports, { burstPackets: 8, burstSpacingMs: 50 });
    await eventually(() => expect(liar.requests.length).toBeGreaterThanOrEqual(3));
    expect(samples).toEqual([]);
    expect(ports.map((port) => server(port)?.status)).toEqual(['undecided', 'starting', 'starting']);
    for (const server of slow) server.answer = () => [{}];
    await sampled();
    for (const sample of samples) expect(errorMs(sample)).toBeLessThanOrEqual(sample.uncertaintyMs);
  });

  it('of which two contradict each other are not followed, and it is said by how much', async () => {
    const [one, other] = [await fakeServer(), await fakeServer({ aheadMs: 250 })];
    const { reference, samples, server, warnings } = await follow([one.port, other.port]);
    await eventually(() => expect(reference.state().fault?.code).toBe('TIME_REFERENCE_DISAGREEMENT'));
    await eventually(() => expect(one.requests.length).toBeGreaterThan(6));
    expect(samples).toEqual([]);
    expect(reference.state().fault?.detail).toMatch(
      new RegExp(`127.0.0.1:${one.port} is 0.000 ± .* ms, 127.0.0.1:${other.port} is 2\\d\\d\\.\\d+ ± .* ms`),
    );
    expect(reference.state()).not.toHaveProperty('stratum');
    for (const { port } of [one, other]) expect(server(port)?.status).toBe('undecided');
    expect(warnings.map(({ code }) => code)).toEqual(['TIME_REFERENCE_DISAGREEMENT']);
    // Once the wrong one is mended, its old samples are contradicted and go.
    other.aheadMs = 0;
    await eventually(() => expect(samples.length).toBeGreaterThan(0));
    for (const sample of samples) expect(errorMs(sample)).toBeLessThanOrEqual(sample.uncertaintyMs);
  });

  it('are followed only while as many as must be can be used', async () => {
    const servers = [await fakeServer(), await fakeServer()];
    servers[1]!.answer = () => [];
    const ports = servers.map(({ port }) => port);
    const { reference, samples, sampled } = await follow(ports, { serversMin: 2 });
    await eventually(() =>
      expect(reference.state().fault?.detail).toMatch(/^1 of 2 time servers can be used, at least 2/),
    );
    expect(samples).toEqual([]);
    servers[1]!.answer = () => [{}];
    await sampled();
    expect(reference.state()).not.toHaveProperty('fault');
  });

  it('of which one of three alone can be used are not followed, since it may be the one that lies', async () => {
    const liar = await fakeServer({ aheadMs: 250 });
    const silent = [await fakeServer(), await fakeServer()];
    for (const server of silent) server.answer = () => [];
    const { reference, samples } = await follow([liar.port, ...silent.map(({ port }) => port)]);
    await eventually(() =>
      expect(reference.state().fault?.detail).toMatch(/^1 of 3 time servers can be used, at least 2/),
    );
    expect(samples).toEqual([]);
  });
});

describe('a reference that was stopped', () => {
  it('asks no more, and can be stopped twice', async () => {
    const fake = await fakeServer();
    const { reference, samples, sampled } = await follow([fake.port]);
    await sampled(2);
    await reference.stop();
    await reference.stop();
    // A second one is asked as often as the first would be. What the first had sent has come once the second has its answer.
    const { sampled: sampledByOther } = await follow([(await fakeServer()).port]);
    await sampledByOther();
    const counts = [samples.length, fake.requests.length];
    await sampledByOther(5);
    expect([samples.length, fake.requests.length]).toEqual(counts);
  });

  it('while its name was being resolved opens nothing', async () => {
    const fake = await fakeServer();
    let resolved: (value: { address: string; family: number }) => void = () => {};
    const resolve = () => new Promise<{ address: string; family: number }>((done) => (resolved = done));
    const { reference } = await follow([fake.port], { resolve });
    await reference.stop();
    resolved({ address: '127.0.0.1', family: 4 });
    const { sampled } = await follow([(await fakeServer()).port]);
    await sampled(2);
    expect(fake.requests).toEqual([]);
  });
});

describe('the configuration', () => {
  it.each([
    [{ servers: [] }],
    [{ servers: [{ host: 'a' }, { host: 'a' }] }],
    [{ servers: [{ host: 'a' }], pollMs: 3_999 }],
    [{ servers: [{ host: 'a' }], burstPackets: 9 }],
    [{ servers: [{ host: 'a', port: 0 }] }],
  ])('refuses %o', (config) => expect(ntpReferenceSchema.safeParse({ kind: 'ntp', ...config }).success).toBe(false));
});
