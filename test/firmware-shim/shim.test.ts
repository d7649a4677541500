import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, open, readdir, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deviceMetaSchema, gapSchema, parseReading } from '../../core/wire/index.ts';
import { type Shim, shimConfigSchema, startShim } from '../../firmware-shim/index.ts';
import { eventually } from '../support/eventually.ts';
import { describeWithPeers } from '../support/peers.ts';
import { PlainBroker } from '../support/plain-broker.ts';
import { FakeSysfs } from './fake-sysfs.ts';
import { ShimProcess } from './shim-process.ts';
import { SocketClient } from './socket-client.ts';

const DEVICE = 'pi';
let folder: string;
let sysfs: FakeSysfs;
let broker: PlainBroker;
const clients: SocketClient[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-shim-'));
  sysfs = await FakeSysfs.create();
  broker = await new PlainBroker().start();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await broker.kill();
  await sysfs.remove();
  await rm(folder, { recursive: true });
});

function configOf(input: object = {}) {
  return {
    device: DEVICE,
    brokers: [broker.url],
    dataDir: join(folder, 'data'),
    socketPath: join(folder, 'readings.sock'),
    sysfsRoot: sysfs.root,
    intervalMs: 60_000,
    time: { mode: 'system' },
    ...input,
  };
}

function client(): SocketClient {
  const made = new SocketClient(join(folder, 'readings.sock'));
  clients.push(made);
  return made;
}

function seqsOf(payloads: Iterable<string>): number[] {
  return [...payloads].map((payload) => parseReading(Buffer.from(payload), Number.MAX_SAFE_INTEGER).seq as number);
}

describe('a shim in this process', () => {
  let shim: Shim | undefined;
  const start = async (input: object = {}): Promise<Shim> => {
    shim = await startShim(shimConfigSchema.parse(configOf(input)), { log: pino({ level: 'silent' }) });
    return shim;
  };
  afterEach(async () => {
    await shim?.stop();
    shim = undefined;
  });

  it('says what it is and publishes its sensors, numbered from 1', async () => {
    const running = await start({ intervalMs: 100 });
    expect(running.sensors).toContain('pressure');
    await eventually(() => expect(broker.readings().size).toBeGreaterThanOrEqual(3));
    const [meta, online] = broker.received;
    expect(deviceMetaSchema.parse(JSON.parse(meta?.payload ?? ''))).toMatchObject({ source: 'sensor' });
    expect(online).toMatchObject({ kind: 'availability', payload: 'online', retain: true });
    await running.stop();
    const states = broker.received.filter(({ kind }) => kind === 'state').map(({ payload }) => payload);
    expect(seqsOf(states)).toEqual(states.map((_, i) => i + 1));
    expect(JSON.parse(states[0] ?? '')).toMatchObject({ tq: 'est', temperature: 21.53, load1: 0.52 });
    expect(broker.received.at(-1)).toMatchObject({ kind: 'availability', payload: 'offline' });
  });

  it('keeps readings while the broker is away, with their stamps, and goes on under the same numbers', async () => {
    const running = await start();
    await eventually(() => expect(broker.readings().size).toBe(1));
    await broker.kill();
    const one = client();
    const beforeMs = Date.now();
    one.write(Array.from({ length: 300 }, (_, i) => `reading x=${i}\n`).join(''));
    await eventually(() => expect(one.answers).toHaveLength(300));
    const afterMs = Date.now();
    await running.stop();
    await broker.start();
    await start();
    await eventually(() => expect(broker.readings().size).toBe(302));
    const states = broker.received.filter(({ kind }) => kind === 'state').map(({ payload }) => payload);
    const buffered = states.filter((payload) => 'x' in JSON.parse(payload)).map((payload) => JSON.parse(payload));
    expect(buffered.map(({ x }) => x)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(buffered.every(({ ts }) => ts >= beforeMs && ts <= afterMs)).toBe(true);
    expect(seqsOf(states)).toEqual(Array.from({ length: 302 }, (_, i) => i + 1));
    expect(new Set(states.map((payload) => JSON.parse(payload).boot)).size).toBe(1);
  });

  it('drops the oldest at its bound and declares exactly those', async () => {
    await broker.kill();
    const running = await start({ buffer: { bytesMax: 64 * 1024 } });
    const one = client();
    const count = 4_000;
    one.write(Array.from({ length: count }, (_, i) => `reading x=${i}\n`).join(''));
    await eventually(() => expect(one.answers).toHaveLength(count));
    expect(new Set(one.answers)).toEqual(new Set(['ok']));
    await broker.start();
    await eventually(() => expect(running.counts().acknowledged + running.counts().dropped).toBe(count + 1));
    const gaps = broker.received.filter(({ kind }) => kind === 'gap').map(({ payload }) => JSON.parse(payload));
    expect(gaps.length).toBeGreaterThan(0);
    const seen = new Set(seqsOf([...broker.readings().values()].flatMap((payloads) => [...payloads])));
    for (const gap of gaps.map((json) => gapSchema.parse(json))) {
      expect(gap.cause).toBe('SHIM_RING_FULL');
      for (let seq = gap.fromSeq; seq <= gap.toSeq; seq++) {
        expect(seen.has(seq)).toBe(false);
        seen.add(seq);
      }
    }
    expect(seen.size).toBe(count + 1);
  });

  it('declares after a restart what was dropped while it could tell nobody', async () => {
    await broker.kill();
    const bound = { buffer: { bytesMax: 64 * 1024 } };
    const first = await start(bound);
    const one = client();
    const count = 3_000;
    one.write(Array.from({ length: count }, (_, i) => `reading x=${i}\n`).join(''));
    await eventually(() => expect(one.answers).toHaveLength(count));
    await first.stop();
    await broker.start();
    const second = await start(bound);
    const all = count + 2;
    await eventually(() => expect(second.counts().acknowledged + second.counts().dropped).toBe(all));
    expect(second.counts().dropped).toBeGreaterThan(1_000);
    const seen = new Set(seqsOf([...broker.readings().values()].flatMap((payloads) => [...payloads])));
    for (const { payload } of broker.received.filter(({ kind }) => kind === 'gap')) {
      const { fromSeq, toSeq } = gapSchema.parse(JSON.parse(payload));
      for (let seq = fromSeq; seq <= toSeq; seq++) {
        expect(seen.has(seq)).toBe(false);
        seen.add(seq);
      }
    }
    expect([seen.size, Math.max(...seen)]).toEqual([all, all]);
  });

  it('counts under a new boot id from where the end of its log may be lost, and keeps the old one before', async () => {
    const first = await start();
    await eventually(() => expect(broker.readings().size).toBe(1));
    await broker.kill();
    const one = client();
    one.write(Array.from({ length: 20 }, (_, i) => `reading x=${i}\n`).join(''));
    await eventually(() => expect(one.answers).toHaveLength(20));
    await first.stop();
    // As a card that lied about its syncs leaves it when the power fails: the last records and the mark are gone.
    const readings = join(folder, 'data', 'readings');
    const segment = join(readings, (await readdir(readings)).filter((name) => name.endsWith('.log')).at(-1) as string);
    await truncate(segment, (await stat(segment)).size - 100);
    await unlink(join(readings, 'end-mark'));
    await broker.start();
    const second = await start();
    const bootsSeen = () => [...new Set([...broker.readings().keys()].map((key) => key.split('/')[1] as string))];
    await eventually(() => expect(bootsSeen()).toHaveLength(2));
    // The sensors' reading of the second life comes last.
    const kept = broker.readings().size - 2;
    expect(kept).toBeGreaterThan(10);
    expect(kept).toBeLessThan(20);
    const numbers = [...broker.readings().keys()].map((key) => key.split('/').slice(1) as [string, string]);
    const boots = bootsSeen();
    const seqs = boots.map((boot) => numbers.filter(([of]) => of === boot).map(([, seq]) => Number(seq)));
    expect(seqs).toEqual([Array.from({ length: kept + 1 }, (_, i) => i + 1), [1]]);
    // It stays with that one.
    await second.stop();
    await start();
    await eventually(() => expect(broker.readings().has(`${DEVICE}/${boots[1]}/2`)).toBe(true));
  });

  it('keeps the reading that it is taking when it is stopped', async () => {
    await sysfs.unplug('proc/uptime');
    const running = await start({ intervalMs: 100 });
    const path = join(sysfs.root, 'proc/uptime');
    execFileSync('mkfifo', [path]);
    // Opens once somebody reads: the sample is in progress.
    const uptime = await open(path, 'w');
    const before = running.counts().recorded;
    const stopped = running.stop();
    await uptime.write('4711');
    await uptime.close();
    await stopped;
    expect(running.counts().recorded).toBe(before + 1);
    expect(broker.received.some(({ payload }) => payload.includes('"uptime":4711'))).toBe(true);
  });

  it('starts counting under a new boot id when its data is gone', async () => {
    const first = await start();
    await eventually(() => expect(broker.readings().size).toBe(1));
    await first.stop();
    await rm(join(folder, 'data', 'readings'), { recursive: true });
    await start();
    await eventually(() => expect(broker.readings().size).toBe(2));
    expect(seqsOf([...broker.readings().values()].flatMap((payloads) => [...payloads]))).toEqual([1, 1]);
  });
});

describeWithPeers('a shim process', ['mosquitto_sub'], () => {
  const peers: ChildProcess[] = [];
  let shim: ShimProcess | undefined;
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.kill();
    await shim?.end('SIGKILL');
  });

  const subscribe = (): { lines: string[] } => {
    const seen: { lines: string[] } = { lines: [] };
    const peer = spawn('mosquitto_sub', ['-p', String(broker.port), '-q', '1', '-t', `mesh/v1/home/${DEVICE}/#`, '-v']);
    peers.push(peer);
    let rest = '';
    peer.stdout.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      seen.lines.push(...lines);
    });
    return seen;
  };

  it('loses no reading that its socket said ok to, killed with SIGKILL while the broker is away', async () => {
    const configFile = join(folder, 'shim.yaml');
    await writeFile(configFile, JSON.stringify(configOf()));
    shim = new ShimProcess(configFile);
    expect(await shim.start()).toMatchObject({ device: DEVICE, socketPath: join(folder, 'readings.sock') });
    await eventually(() => expect(broker.readings().size).toBe(1));
    await broker.kill();

    const writer = client();
    let written = 0;
    // More lines than it can answer before it is killed: some have their ok, some never will.
    const flood = setInterval(() => {
      for (let i = 0; i < 20; i++) writer.write(`reading x=${written++}\n`);
    }, 2);
    await eventually(() => expect(writer.answers.length).toBeGreaterThan(500));
    await shim.end('SIGKILL');
    clearInterval(flood);
    const acknowledged = writer.answers.filter((answer) => answer === 'ok').length;
    expect(acknowledged).toBe(writer.answers.length);

    await broker.start();
    const subscriber = subscribe();
    await shim.start();
    await eventually(() => expect(broker.readings().size).toBeGreaterThanOrEqual(acknowledged + 1));
    const values = [...broker.readings().values()].map((payloads) => {
      expect(payloads.size).toBe(1);
      return JSON.parse([...payloads][0] ?? '').x as number | undefined;
    });
    for (let x = 0; x < acknowledged; x++) expect(values).toContain(x);

    // A reading handed in now is seen by a client that is not ours.
    const late = client();
    await eventually(() => {
      late.write('{"late":1}\n');
      expect(
        subscriber.lines.some((line) => line.startsWith(`mesh/v1/home/${DEVICE}/state`) && line.includes('"late":1')),
      ).toBe(true);
    });
    expect(await shim.end('SIGTERM')).toBe(0);
    await eventually(() => expect(subscriber.lines.at(-1)).toBe(`mesh/v1/home/${DEVICE}/availability offline`));
  }, 30_000);
});
