import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openLog, type SegmentedLog } from '../../../core/log/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { PowerCutFs, SEGMENT_PATH } from '../../support/power-cut-fs.ts';
import { payloadOf, readAll } from './support.ts';

function open(fs: PowerCutFs, segmentBytes = 100_000): Promise<SegmentedLog> {
  return openLog({ directory: '/log', segmentBytes }, { clock: systemClock, fs });
}

describe('a disk in trouble', () => {
  it.each([{ segmentBytes: 100_000 }, { segmentBytes: 300 }])(
    'refuses while the disk is full, and goes on by itself when there is room (segments of $segmentBytes)',
    async ({ segmentBytes }) => {
      for (let bytesMax = 0; bytesMax < 700; bytesMax += 7) {
        const fs = new PowerCutFs();
        fs.bytesMax = bytesMax;
        const log = await open(fs, segmentBytes);
        const taken: number[] = [];
        for (let index = 0; index < 20; index++) {
          const position = await log.append(payloadOf(index)).catch((error: unknown) => {
            expect(error).toMatchObject({ code: 'DISK_FULL' });
            return undefined;
          });
          if (position !== undefined) taken.push(index);
        }
        expect(taken.length).toBeLessThan(20);
        expect([...(await readAll(log)).values()]).toEqual(taken.map((index) => payloadOf(index).toString()));
        fs.bytesMax = Number.POSITIVE_INFINITY;
        expect(await log.append(payloadOf(99))).toBe(taken.length);
        const expected = [...taken, 99].map((index) => payloadOf(index).toString());
        expect([...(await readAll(log)).values()]).toEqual(expected);
        await log.close();
        const again = await open(fs, segmentBytes);
        expect([...(await readAll(again)).values()]).toEqual(expected);
        expect(again.gaps).toEqual([]);
        await again.close();
      }
    },
  );

  it('refuses the whole group, and gives its positions again to the next', async () => {
    const fs = new PowerCutFs();
    const log = await open(fs);
    await log.append(payloadOf(0));
    fs.bytesMax = 300;
    const group = await Promise.allSettled([1, 2, 3, 4, 5, 6, 7, 8].map((index) => log.append(payloadOf(index))));
    expect(group.map((result) => result.status)).toEqual(Array(8).fill('rejected'));
    expect([log.nextPosition, log.durablePosition]).toEqual([1, 1]);
    expect(await log.append(payloadOf(9))).toBe(1);
    await log.close();
  });

  it('opens on a full disk, torn tail, broken cursor and all, and can be read', async () => {
    const before = new PowerCutFs();
    const log = await open(before);
    for (let index = 0; index < 10; index++) await log.append(payloadOf(index));
    const fs = before.clone();
    await log.close();
    const [path] = fs.pathsLike(SEGMENT_PATH);
    fs.setContent(path!, fs.contentOf(path!).subarray(0, -5));
    fs.setContent('/log/cursor-reader', Buffer.alloc(0));
    fs.bytesMax = 0;
    const again = await open(fs);
    expect((await readAll(again)).size).toBe(9);
    expect((await again.cursor('reader')).position).toBe(0);
    await expect(again.append(payloadOf(9))).rejects.toMatchObject({ code: 'DISK_FULL' });
    fs.bytesMax = Number.POSITIVE_INFINITY;
    expect(await again.append(payloadOf(9))).toBe(9);
    await again.close();
  });

  it.each(['syncs', 'writes'] as const)('refuses the group when %s fail, and loses nothing else', async (what) => {
    const fs = new PowerCutFs();
    const log = await open(fs);
    for (let index = 0; index < 3; index++) await log.append(payloadOf(index));
    fs.failing[what] = 1;
    fs.failing.truncates = 1;
    await expect(log.append(payloadOf(3))).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(await log.append(payloadOf(4))).toBe(3);
    // What failed is still in the old file, and must not be believed again: the positions were given to a new one.
    expect(fs.pathsLike(SEGMENT_PATH).length).toBe(2);
    const expected = [0, 1, 2, 4].map((index) => payloadOf(index).toString());
    expect([...(await readAll(log)).values()]).toEqual(expected);
    await log.close();
    const again = await open(fs);
    expect([...(await readAll(again)).values()]).toEqual(expected);
    expect(again.gaps).toEqual([]);
    await again.close();
  });

  it('begins again when the first sync of a segment fails', async () => {
    const fs = new PowerCutFs();
    const log = await open(fs);
    fs.failing.syncs = 2;
    await expect(log.append(payloadOf(0))).rejects.toMatchObject({ code: 'DISK_FAILED' });
    await expect(log.append(payloadOf(1))).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(await log.append(payloadOf(2))).toBe(0);
    fs.failing.syncs = 1;
    await expect(log.append(payloadOf(3))).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(await log.append(payloadOf(4))).toBe(1);
    expect([...(await readAll(log)).values()]).toEqual([2, 4].map((index) => payloadOf(index).toString()));
    await log.close();
  });
});

const mountPoint = await mkdtemp(join(tmpdir(), 'lattice-tmpfs-'));
const mounting = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mountPoint], { encoding: 'utf8' });
const isMounted = mounting.status === 0;
const reason = isMounted ? '' : ` (skipped, tmpfs cannot be mounted: ${(mounting.stderr ?? 'no mount').trim()})`;

afterAll(async () => {
  if (isMounted) spawnSync('umount', ['-l', mountPoint]);
  await rm(mountPoint, { recursive: true, force: true });
});

describe.skipIf(!isMounted)(`a real disk of 1 MiB${reason}`, () => {
  it('is filled, refuses, and goes on when there is room', async () => {
    const ballast = join(mountPoint, 'ballast');
    const directory = join(mountPoint, 'log');
    await mkdir(directory);
    await writeFile(ballast, Buffer.alloc(400_000));
    const log = await openLog({ directory, segmentBytes: 128 * 1024 }, { clock: systemClock });
    const cursor = await log.cursor('reader');
    const taken: string[] = [];
    let refused = 0;
    for (let index = 0; refused < 5 && index < 2000; index++) {
      const payload = payloadOf(index, 1000);
      const appended = await log.append(payload).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'DISK_FULL' });
          return false;
        },
      );
      if (appended) taken.push(payload.toString());
      else refused++;
    }
    expect(refused).toBe(5);
    expect(taken.length).toBeGreaterThan(300);
    cursor.advance(taken.length);
    await cursor.flush();
    await rm(ballast);
    expect(await log.append(payloadOf(5000, 1000))).toBe(taken.length);
    taken.push(payloadOf(5000, 1000).toString());
    expect([...(await readAll(log, 50_000)).values()]).toEqual(taken);
    await log.close();
    const again = await openLog({ directory }, { clock: systemClock });
    expect([...(await readAll(again, 50_000)).values()]).toEqual(taken);
    expect(again.gaps).toEqual([]);
    await again.close();
  });
});
