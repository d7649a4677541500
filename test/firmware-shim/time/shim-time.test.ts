import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { derivedPassword } from '../../../core/identity/index.ts';
import { type Clock, systemClock } from '../../../core/time/index.ts';
import { type Shim, shimConfigSchema, startShim } from '../../../firmware-shim/index.ts';
import { type MeshAt, UdpAnswers } from '../../../gateway/clock/devices/index.ts';
import { eventually } from '../../support/eventually.ts';
import { MqttTimeServer } from '../../support/mqtt-time-server.ts';
import { PlainBroker } from '../../support/plain-broker.ts';
import { FakeSysfs } from '../fake-sysfs.ts';
import { SocketClient } from '../socket-client.ts';

const DEVICE = 'pi';
const SITE_KEY = 'a site key of some length';
/** Mesh time over this machine's monotonic clock, in 2001: no wall clock of anybody says that. */
const MESH_MS = 1_000_000_000_000;
const meshAt: MeshAt = (monotonicMs) => ({ ms: MESH_MS + monotonicMs, uncertaintyMs: 0.5, kind: 'relative' });
const meshNow = (): number => meshAt(systemClock.monotonicMs()).ms;
const LIFE_A = '11111111-2222-4333-8444-555555555555';
const LIFE_B = '66666666-7777-4888-9999-aaaaaaaaaaaa';

/** A machine that starts now, with a wall clock that says so. */
function machine(wallMs: number): Clock {
  const bootMs = systemClock.monotonicMs();
  return {
    monotonicMs: () => systemClock.monotonicMs() - bootMs,
    wallMs: () => wallMs + systemClock.monotonicMs() - bootMs,
    setTimer: systemClock.setTimer,
  };
}

let folder: string;
let sysfs: FakeSysfs;
let broker: PlainBroker;
let shim: Shim | undefined;
let server: MqttTimeServer | undefined;
const clients: SocketClient[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-shim-time-'));
  // Without sensors, so that each reading is one that the test has handed in.
  sysfs = await FakeSysfs.create({ 'proc/sys/kernel/random/boot_id': LIFE_A });
  broker = await new PlainBroker().start();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await shim?.stop();
  await server?.stop();
  shim = undefined;
  server = undefined;
  await broker.kill();
  await sysfs.remove();
  await rm(folder, { recursive: true });
});

async function start(clock: Clock, time: object = {}, input: object = {}): Promise<void> {
  const config = shimConfigSchema.parse({
    ...{ device: DEVICE, brokers: [broker.url], dataDir: join(folder, 'data'), sysfsRoot: sysfs.root },
    ...{ socketPath: join(folder, 'readings.sock'), intervalMs: 60_000, drivers: { disk: false } },
    time: { waitMsMax: 60_000, ...time },
    ...input,
  });
  shim = await startShim(config, { log: pino({ level: 'silent' }), clock });
}

/** Hands readings in, and waits until they are on disk. */
async function handIn(...lines: string[]): Promise<void> {
  const client = new SocketClient(join(folder, 'readings.sock'));
  clients.push(client);
  client.write(lines.map((line) => `${line}\n`).join(''));
  await eventually(() => expect(client.answers).toEqual(lines.map(() => 'ok')));
}

async function end(): Promise<void> {
  await shim?.stop();
  shim = undefined;
}

function published(): { x: number; ts?: number; tq: string }[] {
  return broker.received.filter(({ kind }) => kind === 'state').map(({ payload }) => JSON.parse(payload));
}

const questions = (): number => broker.received.filter(({ kind }) => kind === 'time').length;

describe('a machine that starts in 1970', () => {
  it('publishes nothing before it knows the time over MQTT, and then everything in order, none from before its boot', async () => {
    const bootMs = meshNow();
    await start(machine(0));
    await handIn('reading x=0', 'reading x=1', `reading x=2 ${MESH_MS}000000`);
    await eventually(() => expect(questions()).toBeGreaterThan(3));
    expect(published()).toEqual([]);
    const beforeMs = meshNow();
    server = await MqttTimeServer.start(broker.url, meshAt);
    await eventually(() => expect(published()).toHaveLength(3));
    await handIn('reading x=3');
    await eventually(() => expect(published()).toHaveLength(4));
    const [zero, one, two, three] = published();
    expect([zero?.tq, one?.tq, three?.tq]).toEqual(['sync', 'sync', 'sync']);
    const stamps = [bootMs, zero?.ts, one?.ts, beforeMs, three?.ts, meshNow()] as number[];
    // Stamps are whole ms, and the time is known to a few.
    for (let at = 1; at < stamps.length; at++) {
      expect((stamps[at] as number) - (stamps[at - 1] as number), `stamp ${at}`).toBeGreaterThan(-10);
    }
    // A program that knows the time is believed, and its stamp left as it is.
    expect(two).toMatchObject({ ts: MESH_MS, tq: 'est' });
  });

  it('publishes without a stamp when nobody tells it the time for long enough', async () => {
    await start(machine(0), { waitMsMax: 50 });
    await handIn('reading x=0');
    await eventually(() => expect(published()).toHaveLength(1));
    expect(published()[0]).toMatchObject({ x: 0, tq: 'none' });
    expect(published()[0]).not.toHaveProperty('ts');
    expect(JSON.stringify(published())).not.toContain('@');
  });

  it('stamps what an earlier life of the machine has left, between what is known of that and its own start', async () => {
    await broker.kill();
    const bootMs = meshNow();
    await start(machine(0));
    await handIn('reading x=0', 'reading x=1');
    await end();
    await sysfs.write('proc/sys/kernel/random/boot_id', LIFE_B);
    await broker.start();
    server = await MqttTimeServer.start(broker.url, meshAt);
    const secondBootMs = meshNow();
    await start(machine(0));
    await handIn('reading x=2');
    await eventually(() => expect(published()).toHaveLength(3));
    const [zero, one, two] = published();
    expect([zero, one, two].map((reading) => [reading?.x, reading?.tq])).toEqual([
      [0, 'est'],
      [1, 'est'],
      [2, 'sync'],
    ]);
    expect(zero?.ts).toBeGreaterThan(bootMs - 10);
    expect(zero?.ts).toBeLessThanOrEqual(one?.ts as number);
    expect(one?.ts).toBeLessThan(secondBootMs + 10);
    expect(one?.ts).toBeLessThanOrEqual(two?.ts as number);
  });

  it('publishes the same bytes again after a crash that lost what was acknowledged, although the mesh says otherwise by then', async () => {
    const [data, crashed] = [join(folder, 'data'), join(folder, 'crashed')];
    const clock = machine(0);
    await start(clock);
    await handIn('reading x=0', 'reading x=1');
    await end();
    await cp(data, crashed, { recursive: true });
    server = await MqttTimeServer.start(broker.url, meshAt);
    await start(clock);
    await eventually(() => expect(published()).toHaveLength(2));
    await end();
    await server.stop();
    await cp(join(data, 'time-lines'), join(crashed, 'time-lines'));
    await rm(data, { recursive: true });
    await rename(crashed, data);
    server = await MqttTimeServer.start(broker.url, (atMs) => ({ ...meshAt(atMs), ms: meshAt(atMs).ms + 500 }));
    await start(clock);
    await eventually(() => expect(published()).toHaveLength(4));
    expect([...broker.readings().values()].map((payloads) => payloads.size)).toEqual([1, 1]);
  });
});

describe('a machine whose wall clock is right enough', () => {
  const WALL_MS = 1_763_800_000_000;

  it('is believed when nobody tells the time, and that is said', async () => {
    await start(machine(WALL_MS), { waitMsMax: 50 });
    await handIn('reading x=0');
    await eventually(() => expect(published()).toHaveLength(1));
    const [reading] = published();
    expect(reading?.tq).toBe('est');
    expect(reading?.ts).toBeGreaterThanOrEqual(WALL_MS);
    expect(reading?.ts).toBeLessThan(WALL_MS + 60_000);
  });

  it('follows a gateway over UDP', async () => {
    const answers = new UdpAnswers({
      ...{ name: 'gateway-1', siteKey: SITE_KEY, listen: { host: '127.0.0.1', port: 0 }, clock: systemClock, meshAt },
    });
    await answers.start();
    const beforeMs = meshNow();
    const password = derivedPassword(SITE_KEY, 'device', DEVICE);
    const time = { mode: 'udp', servers: [`127.0.0.1:${answers.port}`] };
    await start(machine(WALL_MS), time, { username: DEVICE, password });
    await handIn('reading x=0');
    await eventually(() => expect(published()).toHaveLength(1));
    const [reading] = published();
    expect(reading?.tq).toBe('sync');
    expect((reading?.ts as number) - beforeMs).toBeGreaterThan(-10);
    expect(reading?.ts).toBeLessThan(meshNow() + 10);
    expect(answers.counts.forged).toBe(0);
    expect(questions()).toBe(0);
    await answers.stop();
  });

  it('publishes what an older shim, or the mode `system`, has stored as it is', async () => {
    await broker.kill();
    await start(machine(WALL_MS), { mode: 'system' });
    await handIn('reading x=0');
    await end();
    await broker.start();
    await start(machine(WALL_MS));
    await eventually(() => expect(published()).toHaveLength(1));
    expect(published()[0]).toMatchObject({ x: 0, tq: 'est' });
  });

  it('opens although what it knew of the time is damaged', async () => {
    await start(machine(WALL_MS));
    await end();
    await writeFile(join(folder, 'data', 'time-lines'), '{"torn');
    server = await MqttTimeServer.start(broker.url, meshAt);
    await start(machine(WALL_MS));
    await handIn('reading x=0');
    await eventually(() => expect(published()).toHaveLength(1));
    expect(published()[0]?.tq).toBe('sync');
  });
});
