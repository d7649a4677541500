import { describe, expect, it } from 'vitest';
import { openLog } from '../../../core/log/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { PowerCutFs, SEGMENT_PATH } from '../../support/power-cut-fs.ts';
import { payloadOf, readAll } from './support.ts';

async function logOf(records: number, segmentBytes = 500) {
  const fs = new PowerCutFs();
  const clock = new VirtualClock();
  const log = await openLog({ directory: '/log', segmentBytes }, { clock, fs });
  for (let index = 0; index < records; index++) await log.append(payloadOf(index));
  const reopen = (disk: PowerCutFs) => openLog({ directory: '/log', segmentBytes }, { clock, fs: disk });
  const cutNow = () => fs.cutAfter(fs.journal.length, 'lost', seededRandom(0));
  return { fs, clock, log, reopen, cutNow };
}

describe('a cursor', () => {
  it('is durable within a second, once for many moves, and goes back to that after a crash', async () => {
    const { fs, clock, log, reopen, cutNow } = await logOf(30);
    const cursor = await log.cursor('reader');
    const syncs = fs.syncs;
    for (let position = 1; position <= 20; position++) cursor.advance(position);
    expect((await (await reopen(cutNow())).cursor('reader')).position).toBe(0);
    clock.advance(1000);
    await eventually(async () => expect((await (await reopen(cutNow())).cursor('reader')).position).toBe(20));
    expect(fs.syncs - syncs).toBe(1);
    cursor.advance(25);
    const after = cutNow();
    await log.close();
    expect((await (await reopen(after)).cursor('reader')).position).toBe(20);
    expect((await (await reopen(cutNow())).cursor('reader')).position).toBe(25);
  });

  it('survives damage of either slot, and starts at the oldest record when both are gone', async () => {
    const { fs, log, reopen } = await logOf(30);
    const cursor = await log.cursor('reader');
    for (const position of [10, 11]) {
      cursor.advance(position);
      await cursor.flush();
    }
    await log.close();
    const found: number[] = [];
    for (const slots of [[0], [512], [0, 512]]) {
      const damaged = fs.clone();
      for (const offset of slots) damaged.flipBit('/log/cursor-reader', (offset + 9) * 8);
      const again = await reopen(damaged);
      found.push((await again.cursor('reader')).position);
      await again.close();
    }
    expect(found.sort((one, other) => one - other)).toEqual([0, 10, 11]);
  });

  it('tries again when a flush fails', async () => {
    const { fs, log, cutNow, reopen } = await logOf(30);
    const cursor = await log.cursor('reader');
    cursor.advance(10);
    fs.failing.syncs = 1;
    await expect(cursor.flush()).rejects.toMatchObject({ code: 'DISK_FAILED' });
    await cursor.flush();
    expect((await (await reopen(cutNow())).cursor('reader')).position).toBe(10);
    await log.close();
  });

  it('holds back records also when nobody has asked for it since the log was opened', async () => {
    const { fs, log, reopen } = await logOf(100);
    (await log.cursor('slow')).advance(3);
    await log.close();
    const again = await reopen(fs);
    await again.trim(100);
    expect(again.firstPosition).toBe(0);
    expect((await readAll(again)).size).toBe(100);
    await again.close();
  });

  it('is one for all who ask for the same name at once', async () => {
    const { log } = await logOf(5);
    const [one, other] = await Promise.all([log.cursor('same'), log.cursor('same')]);
    one?.advance(4);
    expect(other?.position).toBe(4);
    await log.close();
  });

  it('never takes new records for ones it has read when the log lost its end', async () => {
    const { fs, log, reopen } = await logOf(100);
    const cursor = await log.cursor('reader');
    cursor.advance(100);
    await log.close();
    const paths = fs.pathsLike(SEGMENT_PATH);
    fs.remove(paths.at(-1)!);
    const end = Number(paths.at(-1)!.slice(-24, -4));
    const again = await reopen(fs);
    expect(again.nextPosition).toBe(100);
    expect(again.gaps).toEqual([{ fromPosition: end, toPosition: 99, cause: 'damaged' }]);
    expect(await again.append(payloadOf(100))).toBe(100);
    expect((await again.read((await again.cursor('reader')).position, 100)).map(({ position }) => position)).toEqual([
      100,
    ]);
    await again.close();
    const third = await reopen(fs);
    expect(third.gaps).toEqual([{ fromPosition: end, toPosition: 99, cause: 'damaged' }]);
    await third.close();
  });

  it('that has lost records at the front says so', async () => {
    const { fs, log, reopen } = await logOf(100);
    (await log.cursor('reader')).advance(2);
    await log.close();
    const [first, second] = fs.pathsLike(SEGMENT_PATH);
    fs.remove(first!);
    const base = Number(second!.slice(-24, -4));
    const again = await reopen(fs);
    expect(again.gaps).toEqual([{ fromPosition: 2, toPosition: base - 1, cause: 'damaged' }]);
    expect((await again.cursor('reader')).position).toBe(base);
    await again.close();
  });
});
