import { describe, expect, it } from 'vitest';
import { type LogFs, type LogOptions, nodeLogFs, openLog, type SegmentedLog } from '../../../core/log/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { PowerCutFs } from '../../support/power-cut-fs.ts';
import { payloadOf, readAll, scratchFolder } from './support.ts';

const disks: { name: string; make: () => Promise<{ fs: LogFs; directory: string }> }[] = [
  { name: 'the real disk', make: async () => ({ fs: nodeLogFs, directory: await scratchFolder() }) },
  { name: 'the disk in memory', make: async () => ({ fs: new PowerCutFs(), directory: '/log' }) },
];

describe.each(disks)('a durable log on $name', ({ make }) => {
  async function opener(): Promise<(options?: Partial<LogOptions>) => Promise<SegmentedLog>> {
    const { fs, directory } = await make();
    return (options = {}) => openLog({ directory, ...options }, { clock: systemClock, fs });
  }

  async function appendMany(log: SegmentedLog, from: number, to: number): Promise<void> {
    const indexes = Array.from({ length: to - from }, (_, index) => from + index);
    await Promise.all(indexes.map((index) => log.append(payloadOf(index))));
  }

  it('gives positions in order, and gives back what was appended, also when it is opened again', async () => {
    const open = await opener();
    const log = await open({ segmentBytes: 500 });
    expect([log.firstPosition, log.nextPosition, log.durablePosition]).toEqual([0, 0, 0]);
    const pending = Array.from({ length: 100 }, (_, index) => log.append(payloadOf(index)));
    expect(log.nextPosition).toBe(100);
    expect(log.durablePosition).toBe(0);
    expect(await Promise.all(pending)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    const expected = new Map(Array.from({ length: 100 }, (_, index) => [index, payloadOf(index).toString()]));
    expect(await readAll(log)).toEqual(expected);
    const { bytes } = log;
    await log.close();
    await log.close();

    const again = await open({ segmentBytes: 500 });
    expect([again.firstPosition, again.nextPosition, again.bytes]).toEqual([0, 100, bytes]);
    expect(again.gaps).toEqual([]);
    expect(await again.append(payloadOf(100))).toBe(100);
    expect(await readAll(again)).toEqual(expected.set(100, payloadOf(100).toString()));
    await again.close();
  });

  it('reads from a position on, at most so many bytes but at least one record', async () => {
    const log = await (await opener())({ segmentBytes: 2000 });
    await appendMany(log, 0, 200);
    expect((await log.read(70, 24 * 3)).map((record) => record.position)).toEqual([70, 71, 72]);
    expect((await log.read(70, 24 * 3 - 1)).map((record) => record.position)).toEqual([70, 71]);
    expect((await log.read(71, 1)).map((record) => record.position)).toEqual([71]);
    expect(await log.read(200, 1000)).toEqual([]);
    expect((await log.read(0, 1e6)).length).toBe(200);
    await log.close();
  });

  it('takes empty and large records, and refuses one that is too large', async () => {
    const log = await (await opener())({ segmentBytes: 1000, recordBytesMax: 100_000 });
    const large = Buffer.alloc(100_000, 7);
    const appended = [log.append(new Uint8Array()), log.append(large), log.append(payloadOf(2))];
    expect(await Promise.all(appended)).toEqual([0, 1, 2]);
    const payloads = (await log.read(0, 1e6)).map((record) => record.payload);
    expect(payloads.map((payload) => payload.length)).toEqual([0, 100_000, 24]);
    expect(large.equals(payloads[1]!)).toBe(true);
    await expect(log.append(Buffer.alloc(100_001))).rejects.toMatchObject({ code: 'LOG_RECORD_TOO_LARGE' });
    expect(log.nextPosition).toBe(3);
    await log.close();
  });

  it('wakes who waits for a position, and who gives up', async () => {
    const log = await (await opener())();
    await log.append(payloadOf(0));
    await log.waitBeyond(0);
    let isWoken = false;
    const waiting = log.waitBeyond(1).then(() => (isWoken = true));
    const aborter = new AbortController();
    const aborted = log.waitBeyond(1000, aborter.signal);
    await log.append(payloadOf(1));
    await waiting;
    expect(isWoken).toBe(true);
    aborter.abort();
    await aborted;
    const untilClosed = log.waitBeyond(1000);
    await log.close();
    await untilClosed;
  });

  it('keeps what a cursor has yet to read, and its position', async () => {
    const open = await opener();
    const log = await open({ segmentBytes: 500 });
    await appendMany(log, 0, 100);
    const cursor = await log.cursor('store: main/1');
    expect(cursor.position).toBe(0);
    await log.trim(100);
    expect(log.firstPosition).toBe(0);
    cursor.advance(50);
    cursor.advance(20);
    expect(cursor.position).toBe(50);
    cursor.advance(5000);
    expect(cursor.position).toBe(100);
    await log.trim(60);
    expect(log.firstPosition).toBeGreaterThan(40);
    expect(log.firstPosition).toBeLessThanOrEqual(60);
    const { firstPosition } = log;
    await log.close();

    const again = await open({ segmentBytes: 500 });
    expect(again.firstPosition).toBe(firstPosition);
    expect(again.gaps).toEqual([]);
    expect((await again.cursor('store: main/1')).position).toBe(100);
    expect((await again.cursor('new')).position).toBe(firstPosition);
    await again.trim(100);
    expect(again.firstPosition).toBe(firstPosition);
    await again.removeCursor('new');
    await again.trim(100);
    expect(again.firstPosition).toBeGreaterThan(firstPosition);
    await again.close();
  });

  it('refuses at the bound until cursors move on', async () => {
    const log = await (await opener())({ segmentBytes: 500, bytesMax: 2000 });
    const cursor = await log.cursor('reader');
    const results = await Promise.allSettled(Array.from({ length: 100 }, (_, index) => log.append(payloadOf(index))));
    const taken = results.filter((result) => result.status === 'fulfilled').length;
    expect(taken).toBeGreaterThan(30);
    expect(taken).toBeLessThan(46);
    expect(results[taken]).toMatchObject({ status: 'rejected', reason: { code: 'LOG_FULL' } });
    expect(log.nextPosition).toBe(taken);
    expect(log.bytes).toBeLessThanOrEqual(2000);
    await expect(log.append(payloadOf(0))).rejects.toMatchObject({ code: 'LOG_FULL' });
    cursor.advance(taken);
    expect(await log.append(payloadOf(taken))).toBe(taken);
    expect((await readAll(log)).get(taken)).toBe(payloadOf(taken).toString());
    expect(log.gaps).toEqual([]);
    await log.close();
  });

  it('drops the oldest at the bound if told so, moves cursors past it and records the gap', async () => {
    const open = await opener();
    const log = await open({ segmentBytes: 500, bytesMax: 2000, atBound: 'drop-oldest' });
    const cursor = await log.cursor('reader');
    await appendMany(log, 0, 5);
    cursor.advance(3);
    await appendMany(log, 5, 200);
    expect(log.bytes).toBeLessThanOrEqual(2000);
    expect(log.firstPosition).toBeGreaterThan(100);
    expect(log.gaps).toEqual([{ fromPosition: 3, toPosition: log.firstPosition - 1, cause: 'dropped-at-bound' }]);
    expect(cursor.position).toBe(log.firstPosition);
    expect([...(await readAll(log)).keys()]).toEqual(
      Array.from({ length: 200 - log.firstPosition }, (_, index) => log.firstPosition + index),
    );
    const { firstPosition } = log;
    await log.close();
    const again = await open({ segmentBytes: 500, bytesMax: 2000, atBound: 'drop-oldest' });
    expect([again.firstPosition, again.nextPosition]).toEqual([firstPosition, 200]);
    expect((await again.cursor('reader')).position).toBe(firstPosition);
    await again.close();
  });

  it('reads while it is written and trimmed, in order and without a hole', async () => {
    const log = await (await opener())({ segmentBytes: 2000 });
    const cursor = await log.cursor('reader');
    const total = 3000;
    const writing = (async () => {
      for (let index = 0; index < total; index += 50) await appendMany(log, index, index + 50);
    })();
    while (cursor.position < total) {
      await log.waitBeyond(cursor.position);
      const records = await log.read(cursor.position, cursor.position % 2 === 0 ? 700 : 1e6);
      for (const [index, record] of records.entries()) {
        expect(record.position).toBe(cursor.position + index);
        expect(Buffer.from(record.payload).equals(payloadOf(record.position))).toBe(true);
      }
      cursor.advance(records.at(-1)!.position + 1);
      await log.trim(cursor.position);
    }
    await writing;
    expect(log.bytes).toBeLessThan(20_000);
    expect(log.gaps).toEqual([]);
    await log.close();
  });

  it('syncs what is pending at close, and is of no use afterwards', async () => {
    const open = await opener();
    const log = await open({ groupDelayMs: 60_000 });
    const pending = log.append(payloadOf(0));
    await log.close();
    expect(await pending).toBe(0);
    await expect(log.append(payloadOf(1))).rejects.toMatchObject({ code: 'LOG_CLOSED' });
    await expect(log.read(0, 100)).rejects.toMatchObject({ code: 'LOG_CLOSED' });
    await expect(log.cursor('late')).rejects.toMatchObject({ code: 'LOG_CLOSED' });
    const again = await open();
    expect((await readAll(again)).size).toBe(1);
    await again.close();
  });

  it('is open once at a time', async () => {
    const open = await opener();
    const log = await open();
    await expect(open()).rejects.toMatchObject({ code: 'DATA_LOCKED' });
    await log.append(payloadOf(0));
    await log.close();
    await (await open()).close();
  });
});
