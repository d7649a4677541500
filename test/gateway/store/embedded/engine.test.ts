import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import { VirtualClock } from '../../../../core/time/index.ts';
import { type Engine, openSqliteEngine } from '../../../../gateway/store/embedded/engine/index.ts';
import { tempFolder } from '../servers.ts';

const LIMITS = { seriesMax: 100, fieldsPerMeasurementMax: 5, malformedReportedMax: 3, writeQueueBytesMax: 10_000 };
const HOUR_MS = 3_600_000;
const NS_PER_HOUR = 3_600_000_000_000n;

let folder: ReturnType<typeof tempFolder>;
let clock: VirtualClock;
let engine: Engine;

const open = (): Engine => openSqliteEngine({ dataDir: folder.path, clock, limits: LIMITS });

beforeEach(() => {
  folder = tempFolder();
  clock = new VirtualClock();
  engine = open();
  engine.createDatabase('db');
});
afterEach(async () => {
  await engine.close();
  folder.remove();
});

const write = (lines: string, policy?: string) =>
  engine.write({ database: 'db', policy, body: Buffer.from(lines), stampUnitNs: 1_000_000n });

function rows(measurement: string, policy = 'autogen'): unknown[][] {
  const found = engine.database('db')?.policy(policy)?.measurement(measurement);
  if (found === undefined) return [];
  const fields = [...found.fields.values()];
  const range = { fromNs: -(2n ** 62n), toNs: 2n ** 62n, descending: false, rowsMax: 1_000 };
  return found.series().flatMap((series) => found.page(series, fields, range).map((row) => [series.key, ...row]));
}

describe('the SQLite engine', () => {
  test('finds everything again after it was closed', async () => {
    await write('m,b=2,a=1 f=1.5,i=9007199254740993i,s="x",yes=t 1\nm,a=1,b=2 f=2 2');
    engine.createPolicy('db', 'week', { durationNs: 168n * NS_PER_HOUR });
    const before = rows('m');
    expect(before).toEqual([
      ['m,a=1,b=2', 1_000_000n, 1.5, 9_007_199_254_740_993n, 'x', true],
      ['m,a=1,b=2', 2_000_000n, 2, null, null, null],
    ]);
    await engine.close();
    engine = open();
    expect(rows('m')).toEqual(before);
    expect(engine.database('db')?.policy('week')?.durationNs).toBe(168n * NS_PER_HOUR);
    expect((await write('m,a=1,b=2 f="text" 3')).dropReason).toContain('field type conflict');
    expect(engine.stats()).toMatchObject({ databases: 1, measurements: 1, series: 1 });
  });

  test('a line without a stamp gets the wall time', async () => {
    await write('m v=1');
    expect(rows('m')).toEqual([['m', BigInt(clock.wallMs()) * 1_000_000n, 1]]);
  });

  test('deletes what is older than its policy keeps, and refuses it when it comes', async () => {
    engine.createPolicy('db', 'day', { durationNs: 24n * NS_PER_HOUR });
    const startMs = clock.wallMs();
    await write(`m v=1 ${startMs}\nm v=2 ${startMs + HOUR_MS}`, 'day');
    await write(`m v=3 ${startMs}`);
    clock.advance(24.5 * HOUR_MS);
    expect(engine.expire()).toBe(1);
    expect(rows('m', 'day').map((row) => row[2])).toEqual([2]);
    expect(rows('m')).toHaveLength(1);
    expect(await write(`m v=4 ${startMs}`, 'day')).toMatchObject({
      stored: 0,
      dropped: 1,
      dropReason: 'points beyond retention policy',
    });
  });

  test('writes that come together share a transaction', async () => {
    const before = engine.stats().commits;
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, n) => write(`m v=${n} ${n}`)));
    expect(outcomes.map((outcome) => outcome.stored)).toEqual(Array(10).fill(1));
    expect(engine.stats().commits - before).toBe(1);
  });

  test('refuses what does not fit its queue, and takes it later', async () => {
    const big = `m s="${'x'.repeat(6_000)}" 1`;
    const [first, second] = await Promise.allSettled([write(big), write(big)]);
    expect(first.status).toBe('fulfilled');
    expect(second.status === 'rejected' && codeOf(second.reason)).toBe('STORE_BUSY');
    expect((await write(big)).stored).toBe(1);
  });

  test('fields and series are bounded, and what is known is still taken', async () => {
    await write('m a=1,b=1,c=1,d=1,e=1 1');
    expect(await write('m f=1 2\nm a=2 2')).toMatchObject({ stored: 1, dropped: 1 });
    const many = Array.from({ length: 150 }, (_, n) => `n,s=${n} v=1 1`).join('\n');
    expect(await write(many)).toMatchObject({ stored: 99, dropped: 51 });
    expect(await write('n,s=5 v=2 2')).toMatchObject({ stored: 1, dropped: 0 });
  });

  test('tells of some bad lines only, and stores the good ones', async () => {
    const outcome = await write(`${'bad\n'.repeat(10)}m v=1 1`);
    expect(outcome.stored).toBe(1);
    expect(outcome.malformed).toEqual(Array(3).fill("unable to parse 'bad': missing fields"));
  });

  test('after close nothing is taken', async () => {
    await engine.close();
    expect(codeOf(await write('m v=1').catch((error) => error))).toBe('LOG_CLOSED');
    engine = open();
    await engine.close();
    engine = open();
  });
});
