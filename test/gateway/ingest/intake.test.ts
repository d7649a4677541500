import { describe, expect, it } from 'vitest';
import { LatticeError } from '../../../core/errors/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { Ledger } from '../../../gateway/account/index.ts';
import { decodeRecord, type Readable, recordPoint } from '../../../gateway/buffer/index.ts';
import { Intake } from '../../../gateway/ingest/index.ts';
import { DeviceRegistry } from '../../../gateway/registry/index.ts';
import { MemoryLog } from '../../support/memory-log.ts';

const NOW_MS = 1_800_000_000_000;
const TOPIC = '$shard/7/mesh/v1/home/d1/state';

function setUp() {
  const log = new MemoryLog();
  const ledger = new Ledger();
  const registry = new DeviceRegistry(() => {});
  const counted = { taken: 0 };
  const refused: { topic: string; code: string }[] = [];
  const intake = new Intake(
    {
      clock: new VirtualClock(NOW_MS),
      log,
      ledger,
      registry,
      onTaken: () => {
        counted.taken++;
      },
      onRefused: ({ topic, error }) => refused.push({ topic, code: error.code }),
    },
    0,
  );
  const take = (payload: unknown, topic = TOPIC): Promise<void> =>
    intake.take(topic, Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)));
  return { counted, log, ledger, registry, refused, intake, take };
}

describe('Intake', () => {
  it('resolves only when the reading is durable', async () => {
    const { log, take, ledger } = setUp();
    log.isHeld = true;
    let isTaken = false;
    const taken = take({ ts: NOW_MS, boot: 'b', seq: 1, temperature: 20 }).then(() => {
      isTaken = true;
    });
    await Promise.resolve();
    expect(isTaken).toBe(false);
    expect(ledger.totals().taken).toBe(0);
    log.release();
    await taken;
    expect(ledger.totals().taken).toBe(1);
  });

  it('leaves out a reading that came before, and acknowledges it', async () => {
    const { log, take, ledger } = setUp();
    const reading = { ts: NOW_MS, boot: 'b', seq: 1, temperature: 20 };
    await take(reading);
    await take(reading);
    expect(log.nextPosition).toBe(1);
    expect(ledger.totals()).toMatchObject({ sent: 1, taken: 1, duplicates: 1 });
  });

  it('does not acknowledge a duplicate before the first of its kind is durable', async () => {
    const { log, take } = setUp();
    const reading = { ts: NOW_MS, boot: 'b', seq: 1, temperature: 20 };
    log.isHeld = true;
    const first = take(reading);
    let isTaken = false;
    const second = take(reading).then(() => {
      isTaken = true;
    });
    await new Promise(setImmediate);
    expect(isTaken).toBe(false);
    log.release();
    await Promise.all([first, second]);
    expect(log.nextPosition).toBe(1);
  });

  it('takes a reading again whose first append failed', async () => {
    const { log, take, ledger } = setUp();
    const reading = { ts: NOW_MS, boot: 'b', seq: 1, temperature: 20 };
    log.failure = new LatticeError('DISK_FULL', 'no space');
    await expect(take(reading)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(ledger.totals().taken).toBe(0);
    log.failure = undefined;
    await take(reading);
    expect(ledger.totals()).toMatchObject({ taken: 1, duplicates: 0 });
  });

  it.each([
    ['no JSON', 'hello', 'READING_NOT_JSON'],
    ['a number', '21.5', 'READING_SCHEMA'],
    ['nothing measured', { ts: NOW_MS }, 'READING_SCHEMA'],
    ['a stamp in the far future', { ts: NOW_MS + 3_600_000, temperature: 1 }, 'READING_STAMP_FUTURE'],
    ['a stamp of 1970', { ts: 5_000, temperature: 1 }, 'READING_STAMP_PAST'],
    ['NaN', '{"temperature":NaN}', 'READING_NOT_FINITE'],
    ['infinity by overflow', '{"temperature":1e999}', 'READING_NOT_FINITE'],
    ['a nested object', { temperature: { value: 1 } }, 'READING_SCHEMA'],
    ['1 MiB', `{"temperature":1,"pad":"${'x'.repeat(1024 * 1024)}"}`, 'READING_TOO_LARGE'],
    ['a sequence number of 0', { seq: 0, temperature: 1 }, 'READING_SCHEMA'],
    ['a metric that no store can name', { 'tempe rature': 1 }, 'READING_SCHEMA'],
    ['a text where the metric table has a number', { temperature: 'hot' }, 'READING_SCHEMA'],
    ['a metric called time', { time: 1 }, 'READING_SCHEMA'],
    ['a time stamp for a sequence number', { seq: NOW_MS * 1000, boot: 'b', temperature: 1 }, 'READING_SCHEMA'],
  ])('refuses %s with a code, acknowledges it, and takes the next reading', async (_name, payload, code) => {
    const { log, take, refused, intake } = setUp();
    await take(payload);
    expect(refused).toEqual([{ topic: 'mesh/v1/home/d1/state', code }]);
    expect(intake.counters.refused).toBe(1);
    await take({ temperature: 20 });
    expect(log.nextPosition).toBe(1);
  });

  it('stamps a reading without a stamp with its receipt', async () => {
    const { log, take } = setUp();
    await take({ temperature: 20 });
    const [record] = await log.read(0, 1000);
    expect(decodeRecord(record?.payload as Uint8Array)).toEqual({
      type: 'reading',
      reading: {
        site: 'home',
        device: 'd1',
        boot: undefined,
        seq: undefined,
        tsMs: NOW_MS,
        timeQuality: 'none',
        tieBreak: 1,
        metrics: { temperature: 20 },
      },
    });
  });

  it('declares gaps in the account, and refuses a malformed one', async () => {
    const { take, ledger, refused } = setUp();
    await take({ boot: 'b', seq: 5, temperature: 1 });
    await take({ boot: 'b', fromSeq: 1, toSeq: 4, cause: 'SHIM_RING_FULL' }, 'mesh/v1/home/d1/gap');
    expect(ledger.totals()).toMatchObject({ sent: 5, dropped: 4, missing: 0 });
    await take({ boot: 'b' }, 'mesh/v1/home/d1/gap');
    expect(refused).toEqual([{ topic: 'mesh/v1/home/d1/gap', code: 'READING_SCHEMA' }]);
  });

  it('keeps what brokers gave up for each other, as a point of its own', async () => {
    const { take, log, ledger, refused } = setUp();
    const gap = { node: 'b1', to: 'b2', cause: 'age', count: 12, fromMs: NOW_MS - 2_000, toMs: NOW_MS };
    await take(gap, '$shard/3/mesh/v1/home/b1/linkgap');
    const [stored] = await log.read(0, 10_000);
    const record = decodeRecord(stored?.payload as Uint8Array);
    expect(record).toEqual({ type: 'linkgap', site: 'home', gap });
    expect(recordPoint(record as Readable)).toEqual({
      measurement: 'link_gap',
      tags: { site: 'home', node: 'b1', to: 'b2', cause: 'age' },
      fields: { count: 12, durationMs: 2_000 },
      timeNs: BigInt(NOW_MS) * 1_000_000n,
    });
    expect(ledger.totals()).toMatchObject({ sent: 0, dropped: 0 });
    await take(gap, 'mesh/v1/home/d1/linkgap');
    expect(refused).toEqual([{ topic: 'mesh/v1/home/d1/linkgap', code: 'READING_SCHEMA' }]);
  });

  it('keeps what devices say of themselves', async () => {
    const { take, registry } = setUp();
    await take('online', 'mesh/v1/home/d1/availability');
    await take({ name: 'Kitchen' }, 'mesh/v1/home/d1/meta');
    await take({ temperature: 20 });
    expect(registry.get('home', 'd1')).toMatchObject({
      availability: 'online',
      meta: { name: 'Kitchen' },
      metrics: { temperature: 20 },
    });
  });
});

describe('what a device may not do', () => {
  it('use more names of metrics than a device may have', async () => {
    const { take, refused, log } = setUp();
    for (let part = 0; part < 3; part++) {
      const metrics = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`m${part}_${index}`, 1]));
      await take(metrics);
    }
    expect(refused).toEqual([{ topic: 'mesh/v1/home/d1/state', code: 'READING_SCHEMA' }]);
    expect(log.nextPosition).toBe(2);
  });

  it('speak of the health of another, or under a kind of topic that is none', async () => {
    const { take, refused, log } = setUp();
    await take({ kind: 'gateway', node: 'gateway-1' }, 'mesh/v1/home/d1/health');
    await take({ temperature: 1 }, 'mesh/v1/home/d1/stat');
    expect(refused.map(({ code }) => code)).toEqual(['READING_SCHEMA', 'TOPIC_INVALID']);
    expect(log.nextPosition).toBe(0);
  });

  it('declare a gap that ends before it begins', async () => {
    const { take, refused, ledger } = setUp();
    await take({ boot: 'b', fromSeq: 9, toSeq: 1, cause: 'X' }, 'mesh/v1/home/d1/gap');
    expect(refused).toHaveLength(1);
    expect(ledger.totals().dropped).toBe(0);
  });
});

describe('a refused reading that has a number', () => {
  it.each([
    ['a bad value', '{"boot":"b","seq":2,"temperature":{}}'],
    ['NaN', '{"boot":"b","seq":2,"temperature":NaN}'],
    ['a stamp in the far future', `{"boot":"b","seq":2,"ts":${NOW_MS + 9e9},"temperature":1}`],
  ])('is declared dropped and not missing: %s', async (_name, payload) => {
    const { take, ledger } = setUp();
    await take({ boot: 'b', seq: 1, temperature: 1 });
    await take(payload);
    await take({ boot: 'b', seq: 3, temperature: 1 });
    expect(ledger.totals()).toMatchObject({ sent: 3, taken: 2, dropped: 1, missing: 0 });
  });
});

describe('readings without stamp and number', () => {
  it('are two points, though they come in one millisecond', async () => {
    const { take, log } = setUp();
    await take({ temperature: 1 });
    await take({ temperature: 2 });
    const points = (await log.read(0, 10_000)).map(({ payload }) => recordPoint(decodeRecord(payload) as Readable));
    expect(new Set(points.map(({ timeNs }) => timeNs)).size).toBe(2);
  });
});

describe('a probe', () => {
  it('is buffered like any reading, and is no part of the account or the fleet', async () => {
    const { log, take, ledger, registry, counted } = setUp();
    await take({ ts: NOW_MS, probe: 7 }, 'mesh/v1/home/lattice-doctor-broker-1-1/state');
    expect(log.nextPosition).toBe(1);
    expect(counted.taken).toBe(0);
    expect(ledger.totals()).toMatchObject({ sent: 0, taken: 0 });
    expect(registry.size).toBe(0);
    expect(registry.get('home', 'lattice-doctor-broker-1-1')?.metrics).toEqual({ probe: 7 });
  });
});
