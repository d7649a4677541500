import { createSocket } from 'node:dgram';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../core/time/index.ts';
import type { ClockService } from '../../../gateway/clock/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ClockSite } from './site-of-clocks.ts';

const NAMES = ['g1', 'g2', 'g3'];
const PATIENCE_MS = 20_000;

let site: ClockSite;
beforeEach(async () => {
  site = new ClockSite(NAMES);
  await site.open();
});
afterEach(() => site.close());

const services = (): ClockService[] => [...site.clocks.values()].map(({ service }) => service);

async function synchronised(kind: 'relative' | 'absolute' = 'relative'): Promise<void> {
  await eventually(() => {
    for (const service of services()) expect(service.status().kind).toBe(kind);
  }, PATIENCE_MS);
}

async function measuredBy(path: string): Promise<void> {
  await eventually(() => {
    const { members } = (site.clocks.get('g1') as { service: ClockService }).service.status();
    expect(members.map((member) => member.path)).toEqual([path, path]);
    expect(members.every(({ verdict }) => verdict === 'accepted')).toBe(true);
  }, PATIENCE_MS);
}

describe('the clocks of a site', () => {
  it('agree over UDP, whatever their wall clocks show, and go on under another master', async () => {
    await site.add('g1', { aheadMs: 5 });
    await site.add('g2', { aheadMs: -3_600_000 });
    await site.add('g3', { aheadMs: 3 });
    site.lead('g1');
    await synchronised();
    await measuredBy('udp');
    // They share one monotonic clock, so they can be compared to the microsecond; a busy machine measures worse.
    await eventually(() => expect(site.spreadMs()).toBeLessThan(0.5), PATIENCE_MS);
    expect(site.clocks.get('g2')?.service.wallMs()).toBeCloseTo(systemClock.wallMs() + 4, -2);
    const before = site.clocks.get('g3')?.service.meshAt(systemClock.monotonicMs()).ms ?? 0;
    await site.remove('g1');
    site.lead('g2');
    await eventually(() => expect(site.clocks.get('g3')?.service.status().master).toBe('g2'), PATIENCE_MS);
    expect(site.clocks.get('g3')?.service.status().steps).toBe(1);
    expect(site.clocks.get('g3')?.service.meshAt(systemClock.monotonicMs()).ms).toBeGreaterThan(before);
    await eventually(() => expect(site.spreadMs()).toBeLessThan(0.5), PATIENCE_MS);
  });

  it('agree through the brokers alone', async () => {
    for (const name of NAMES) await site.add(name, { isByMqtt: true, aheadMs: name === 'g3' ? 900_000 : 0 });
    site.lead('g1');
    await synchronised();
    await measuredBy('mqtt');
    expect(site.spreadMs()).toBeLessThan(5);
  });

  it('fall back to the connections between gateways where UDP does not pass, and say so', async () => {
    for (const name of NAMES) await site.add(name, { time: { probe: { port: 0 } } });
    // Nobody answers at the addresses that the agreement knows.
    site.lead('g1');
    await synchronised();
    await measuredBy('tcp');
  });

  it('follow a reference outside, and answer NTP clients by it', async () => {
    const reference = await site.add('g1', { aheadMs: 5_000, time: { ntp: { port: 0 } } });
    site.lead('g1');
    // A site of one majority less: it waits, so the others are needed first.
    await site.add('g2', { aheadMs: 5_000 });
    await site.add('g3', { aheadMs: 5_000 });
    await synchronised();
    const outside = new ClockSite(['o1']);
    await outside.open();
    try {
      const servers = [{ host: '127.0.0.1', port: reference.ntpPort }];
      const time = { reference: { kind: 'ntp', servers, burstSpacingMs: 250 }, uncertaintyMsMax: 1_000 };
      const follower = await outside.add('o1', { time });
      outside.lead('o1');
      await eventually(() => expect(follower.status().kind).toBe('absolute'), PATIENCE_MS);
      const atMs = systemClock.monotonicMs();
      const { ms, uncertaintyMs } = follower.meshAt(atMs);
      expect(Math.abs(ms - reference.meshAt(atMs).ms)).toBeLessThanOrEqual(uncertaintyMs);
      expect(follower.set('reference').kind).toBe('absolute');
    } finally {
      await outside.close();
    }
  });

  it('are set by a person at the master alone', async () => {
    for (const name of NAMES) await site.add(name);
    site.lead('g1');
    await synchronised();
    const [first, second] = services() as [ClockService, ClockService];
    const ms = Date.UTC(2030, 0, 1);
    expect(() => second.set(ms)).toThrow(expect.objectContaining({ code: 'TIME_NOT_MASTER' }));
    expect(() => first.set('reference')).toThrow(expect.objectContaining({ code: 'TIME_NO_REFERENCE' }));
    first.set(ms);
    await eventually(() => {
      for (const service of services()) expect(Math.abs(service.wallMs() - ms)).toBeLessThan(PATIENCE_MS);
    }, PATIENCE_MS);
  });

  it('keep their frequency on disk, and begin without it when the file is damaged', async () => {
    const lonely = new ClockSite(['g1']);
    await lonely.open();
    try {
      const path = join(lonely.folder, 'clock.json');
      await writeFile(path, '{"version":1,"frequen');
      const service = await lonely.add('g1');
      lonely.lead('g1');
      await eventually(() => expect(service.status().kind).toBe('relative'), PATIENCE_MS);
      await lonely.remove('g1');
      expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ version: 1, frequencyPpm: 0, isSettled: false });
    } finally {
      await lonely.close();
    }
  });

  it('count garbage at the port of the probes, by reason, tell whom it came from, and go on', async () => {
    for (const name of NAMES) await site.add(name);
    site.lead('g1');
    await synchronised();
    const socket = createSocket('udp4');
    try {
      for (let nth = 0; nth < 20; nth++) {
        socket.send(Buffer.alloc(nth * 20, nth), site.ports[0] as number, '127.0.0.1');
      }
      await eventually(() => {
        expect(site.clocks.get('g1')?.service.status().refused['malformed']).toBeGreaterThan(0);
      }, PATIENCE_MS);
      const { port } = socket.address();
      await eventually(() => {
        const told = site.logged.filter((line) => line.includes('CLOCK_MESSAGE_REFUSED'));
        expect(told.some((line) => line.includes('malformed') && line.includes(`:${port}`))).toBe(true);
      }, PATIENCE_MS);
      await measuredBy('udp');
    } finally {
      socket.close();
    }
  });
});
