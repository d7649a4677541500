import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../core/time/index.ts';
import {
  deadLetter,
  type GatewayStatus,
  meshTopic,
  type ReadingAccount,
  type TopicKind,
} from '../../../core/wire/index.ts';
import { DeviceTable } from '../../../dashboards/console/model/devices.ts';
import { type MeshEvent, MeshModel } from '../../../dashboards/console/model/mesh-model.ts';
import { CounterRate, RateMeter } from '../../../dashboards/console/model/rates.ts';
import { Spark } from '../../../dashboards/console/model/spark.ts';
import type { Overview } from '../../../dashboards/console/model/types.ts';
import { clockStatus, memberStatus, NTP_REFERENCE, unsynchronised } from '../../support/clocks.ts';
import { brokerHealth, SITE } from '../support/mesh.ts';

const ALL = { query: '', show: 'all', limit: 10 } as const;

function modelWithClock() {
  const clock = new VirtualClock();
  const model = new MeshModel({
    site: SITE,
    brokers: [
      { id: 'b1', address: '127.0.0.1:1883' },
      { id: 'b2', address: '127.0.0.1:1884' },
    ],
    gateways: [
      { id: 'g1', address: '127.0.0.1:1' },
      { id: 'g2', address: '127.0.0.1:2' },
    ],
    storeAddress: '127.0.0.1:8086',
  });
  const now = () => ({ wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() });
  return {
    clock,
    model,
    apply: (event: MeshEvent) => model.apply(event, now()),
    say(device: string, kind: TopicKind, payload: unknown): void {
      const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
      model.apply({ type: 'message', topic: meshTopic(SITE, device, kind), payload: Buffer.from(text) }, now());
    },
    overview: (): Overview => model.overview(now()),
    list: (options: Parameters<DeviceTable['list']>[0]) => model.devices.list(options, now()),
  };
}

function status(id: string, account: Partial<ReadingAccount> = {}): GatewayStatus {
  const zero = {
    sent: 0,
    stored: 0,
    buffered: 0,
    dropped: 0,
    missing: 0,
    rejected: 0,
    lost: 0,
    unnumbered: 0,
    duplicates: 0,
    received: 0,
    refused: 0,
  };
  return {
    id,
    site: SITE,
    uptimeS: 1,
    brokerUp: true,
    storeUp: true,
    store: 'test',
    devices: 1,
    shards: [1, 2],
    account: { ...zero, ...account },
    buffer: { readings: 0, bytes: 0, lostPositions: 0 },
    latencyMs: { p50: 1, p99: 2 },
  };
}

describe('devices', () => {
  it('keep the last value of every metric, though a reading has only some', () => {
    const { say, list } = modelWithClock();
    say('d1', 'state', { temperature: 20, humidity: 40 });
    say('d1', 'state', { temperature: 21 });
    expect(list(ALL).rows[0]).toMatchObject({ id: 'd1', values: { temperature: 21, humidity: 40 }, readings: 2 });
  });

  it('are online, then silent after five of their intervals, and offline when their last will says so', () => {
    const { clock, say, list } = modelWithClock();
    for (let reading = 0; reading < 3; reading++) {
      clock.advance(30_000);
      say('slow', 'state', { temperature: reading });
    }
    clock.advance(149_000);
    expect(list(ALL).rows[0]).toMatchObject({ state: 'online', intervalMs: 30_000 });
    clock.advance(2_000);
    expect(list(ALL).rows[0]?.state).toBe('silent');
    say('slow', 'availability', 'offline');
    expect(list({ ...ALL, show: 'offline' }).rows.map(({ id }) => id)).toEqual(['slow']);
  });

  it('are found by every word of a search, in their order by number, and counted beyond the limit', () => {
    const { say, list } = modelWithClock();
    for (const index of [10, 2, 1]) say(`d${index}`, 'state', { temperature: 1 });
    say('d2', 'meta', { name: 'North wall', area: 'Cellar' });
    expect(list({ ...ALL, limit: 2 })).toMatchObject({ matched: 3, rows: [{ id: 'd1' }, { id: 'd2' }] });
    expect(list({ ...ALL, query: 'CELLAR north' }).rows.map(({ id }) => id)).toEqual(['d2']);
    expect(list({ ...ALL, query: 'cellar south' }).matched).toBe(0);
  });

  it('are bounded: the one that was silent longest is forgotten and counted', () => {
    const clock = new VirtualClock();
    const table = new DeviceTable(2);
    const now = () => ({ wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() });
    for (const id of ['a', 'b', 'a', 'c']) {
      clock.advance(1);
      table.availability(id, 'online', now());
    }
    expect(table.list(ALL, now()).rows.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(table.counts(now())).toMatchObject({ total: 2, forgotten: 1 });
  });

  it('of another site, and nodes that say that they are there, are no devices', () => {
    const { apply, say, list } = modelWithClock();
    apply({ type: 'message', topic: 'mesh/v1/elsewhere/d1/state', payload: Buffer.from('{"temperature":1}') });
    say('b1', 'availability', 'online');
    say('g1', 'availability', 'online');
    expect(list(ALL).matched).toBe(0);
  });

  it('that send nonsense change nothing but a count', () => {
    const { say, overview, list } = modelWithClock();
    for (const payload of ['{', '[]', '{"temperature":NaN}', '{}']) say('d1', 'state', payload);
    say('d1', 'meta', '{"name":5}');
    say('b1', 'health', '{"kind":"broker"}');
    expect(overview().unreadable).toBe(6);
    expect(list(ALL).matched).toBe(0);
  });
});

describe('rates', () => {
  it('count whole seconds only, and fall to nothing', () => {
    const meter = new RateMeter();
    for (let nowMs = 0; nowMs < 5_000; nowMs += 100) meter.add(nowMs);
    expect(meter.perS(5_000)).toBe(10);
    for (let nowMs = 5_000; nowMs < 30_000; nowMs += 100) meter.add(nowMs);
    expect(meter.perS(30_050)).toBe(10);
    expect(meter.perS(35_000)).toBe(5);
    expect(meter.perS(60_000)).toBe(0);
  });

  it('of a counter know no rate across a restart', () => {
    const rate = new CounterRate();
    expect(rate.update(100, 0)).toBeNull();
    expect(rate.update(150, 5_000)).toBe(10);
    expect(rate.update(3, 10_000)).toBeNull();
    expect(rate.update(8, 15_000)).toBe(1);
  });
});

describe('a spark', () => {
  it('covers minutes in constant space, keeps order and the newest value', () => {
    const spark = new Spark();
    for (let second = 0; second < 3_600; second++) spark.add(second, second * 1_000);
    const values = spark.values();
    expect(values.length).toBeLessThanOrEqual(32);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values.at(-1)).toBe(3_599);
    expect(values[0]).toBeLessThan(3_599 - 400);
  });
});

describe('the overview', () => {
  it('sums the account over gateways and says whether it is closed', () => {
    const { clock, apply, overview } = modelWithClock();
    apply({
      type: 'gatewayStatus',
      id: 'g1',
      status: status('g1', { sent: 100, stored: 88, buffered: 9, rejected: 2, dropped: 1 }),
    });
    expect(overview().account).toMatchObject({ sent: 100, unknown: ['g2'] });
    apply({ type: 'gatewayStatus', id: 'g2', status: status('g2', { sent: 50, stored: 50 }) });
    expect(overview().account).toMatchObject({
      sent: 150,
      stored: 138,
      buffered: 9,
      rejected: 2,
      dropped: 1,
      closed: true,
    });
    apply({ type: 'gatewayStatus', id: 'g2', status: status('g2', { sent: 53, stored: 50, missing: 3 }) });
    // What is missing for a moment is on its way; what stays missing is lost.
    expect(overview().account).toMatchObject({ closed: false, missing: 3, overdue: 0 });
    const later = (missing: number) => {
      clock.advance(8_000);
      apply({ type: 'gatewayStatus', id: 'g2', status: status('g2', { sent: 53, stored: 53 - missing, missing }) });
    };
    for (const missing of [3, 2, 3]) later(missing);
    expect(overview().words).toContain('2 readings missing');
    expect(overview().tone).toBe('bad');
    later(0);
    expect(overview().account).toMatchObject({ closed: true, overdue: 0 });
    later(3);
    apply({ type: 'gatewayStatus', id: 'g2', status: undefined });
    expect(overview().account).toMatchObject({ sent: 153, silent: ['g2'] });
  });

  it('knows brokers by their connection, and others by fresh health', () => {
    const { clock, apply, say, overview } = modelWithClock();
    apply({ type: 'brokerConnection', id: 'b1', up: true });
    say('b1', 'health', brokerHealth('b1', ['b2'], { atMs: 1_000, publishedTotal: 100 }));
    say('b3', 'health', brokerHealth('b3', []));
    clock.advance(5_000);
    say('b1', 'health', brokerHealth('b1', ['b2'], { atMs: 6_000, publishedTotal: 600 }));
    const rows = () => Object.fromEntries(overview().brokers.map((row) => [row.id, row]));
    expect(rows()).toMatchObject({
      b1: { state: 'up', health: { publishedPerS: 100 }, links: [{ peer: 'b2', state: 'up' }] },
      b2: { state: 'unknown' },
      b3: { state: 'up' },
    });
    clock.advance(16_000);
    expect(rows()).toMatchObject({ b1: { state: 'up', links: [{ state: 'down' }] }, b3: { state: 'down' } });
    apply({ type: 'brokerConnection', id: 'b1', up: false });
    expect(overview().words[0]).toBe('Broker b1, Broker b3 are down');
  });

  it('tells what waits for a link, and which broker drains', () => {
    const { apply, say, overview } = modelWithClock();
    for (const id of ['b1', 'b2']) apply({ type: 'brokerConnection', id, up: true });
    const waiting = { backlogMessages: 5, backlogBytes: 640, backlogAgeMs: 3_000 };
    const links = brokerHealth('b1', ['b2']).links.map((link) => ({ ...link, ...waiting }));
    say('b1', 'health', brokerHealth('b1', [], { links, isDraining: true }));
    say('b2', 'health', brokerHealth('b2', ['b1']));
    expect(overview()).toMatchObject({
      tone: 'warn',
      brokers: [{ links: [waiting], health: { isDraining: true } }, {}],
    });
    expect(overview().words).toEqual(['Broker b1 is draining']);
  });

  it('puts the worst first, and says so when all is well', () => {
    const { apply, say, overview } = modelWithClock();
    for (const id of ['b1', 'b2']) apply({ type: 'brokerConnection', id, up: true });
    for (const id of ['g1', 'g2']) apply({ type: 'gatewayStatus', id, status: status(id) });
    apply({ type: 'storeProbe', up: true, roundTripMs: 2 });
    expect(overview().words).toEqual(['Connecting to a broker']);
    apply({ type: 'listeningTo', id: 'b1' });
    expect(overview().words).toEqual(['Running, waiting for the first device']);
    say('d1', 'state', { temperature: 1 });
    expect(overview()).toMatchObject({ tone: 'ok', words: ['Everything is running'] });
    say('d1', 'availability', 'offline');
    expect(overview()).toMatchObject({ tone: 'warn', words: ['1 device offline'] });
    apply({ type: 'storeProbe', up: false, roundTripMs: null });
    expect(overview()).toMatchObject({ tone: 'bad' });
    expect(overview().words).toEqual(['The store does not answer; readings wait in the gateways', '1 device offline']);
  });

  it('keeps the newest hundred dead letters and goes on counting', () => {
    const { say, overview } = modelWithClock();
    for (let index = 0; index < 103; index++) {
      const payload = Buffer.from(`no\u0000 ${index}`);
      const fields = { code: 'READING_NOT_JSON', reason: 'no', topic: 't', atMs: index, by: 'g1' };
      say('d1', 'deadletter', deadLetter({ ...fields, payload }));
    }
    const { total, newest } = overview().deadLetters;
    expect({ total, length: newest.length }).toEqual({ total: 103, length: 100 });
    expect(newest[0]?.preview).toBe('no· 102');
  });
});

describe('the time of the mesh', () => {
  it('is not there while no gateway takes part', () => {
    const { apply, overview } = modelWithClock();
    apply({ type: 'gatewayStatus', id: 'g1', status: status('g1') });
    expect(overview().time).toBeNull();
  });

  it('is told by the gateways that answer, with the master and its reference', () => {
    const { apply, overview } = modelWithClock();
    const members = [memberStatus('g1')];
    const master = clockStatus({ master: 'g2', members, reference: NTP_REFERENCE });
    apply({ type: 'gatewayStatus', id: 'g1', status: { ...status('g1'), time: clockStatus({ master: 'g2' }) } });
    apply({ type: 'gatewayStatus', id: 'g2', status: { ...status('g2'), time: master } });
    expect(overview().time).toMatchObject({
      master: { id: 'g2', term: 7, round: 1_204 },
      reference: { kind: 'ntp', servers: [{ status: 'selected' }, { status: 'unreachable' }] },
      rows: [
        { id: 'g1', isMaster: false, behindMs: 0.012 },
        { id: 'g2', isMaster: true },
      ],
      faults: [],
    });
    // What a gateway said of its clock before it went is no longer so.
    apply({ type: 'gatewayStatus', id: 'g2', status: undefined });
    expect(overview().time).toMatchObject({ master: null, reference: null, rows: [{ id: 'g1' }] });
  });

  it('is bad when a clock is alarmed, and a warning when one is not synchronised', () => {
    const { apply, overview } = modelWithClock();
    apply({ type: 'gatewayStatus', id: 'g1', status: { ...status('g1'), time: unsynchronised() } });
    expect(overview()).toMatchObject({ tone: 'warn', words: ["g1's clock is not synchronised"] });
    const alarmed = clockStatus({ isAlarmed: true, uncertaintyMs: 80 });
    apply({ type: 'gatewayStatus', id: 'g2', status: { ...status('g2'), time: alarmed } });
    expect(overview().tone).toBe('bad');
    expect(overview().words[0]).toBe("g2's clock may be wrong by up to 80 ms; 50 ms are allowed");
  });
});
