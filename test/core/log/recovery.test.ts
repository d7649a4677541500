import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../core/log/frame.ts';
import { openLog, type SegmentedLog } from '../../../core/log/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { PowerCutFs, SEGMENT_PATH } from '../../support/power-cut-fs.ts';
import { payloadOf, positionsOf, readAll } from './support.ts';

const SEGMENT_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 20;
const RECORDS = 60;

function open(fs: PowerCutFs, segmentBytes = 100_000): Promise<SegmentedLog> {
  return openLog({ directory: '/log', segmentBytes }, { clock: systemClock, fs });
}

/** What is there when the process is killed, or was closed cleanly. */
async function written(segmentBytes: number, ending: 'killed' | 'closed' = 'killed'): Promise<PowerCutFs> {
  const fs = new PowerCutFs();
  const log = await open(fs, segmentBytes);
  for (let index = 0; index < RECORDS; index++) await log.append(payloadOf(index, 10 + (index % 7) * 9));
  const killed = fs.clone();
  await log.close();
  return ending === 'killed' ? killed : fs;
}

/** Where each record lies, worked out from the lengths alone. */
function framesOf(fs: PowerCutFs): { path: string; start: number; end: number; position: number }[] {
  return fs.pathsLike(SEGMENT_PATH).flatMap((path) => {
    const content = fs.contentOf(path);
    const frames = [];
    let position = Number(path.slice(-24, -4));
    for (let start = SEGMENT_HEADER_BYTES; start < content.length; ) {
      const end = start + FRAME_HEADER_BYTES + content.readUInt32LE(start + 8);
      frames.push({ path, start, end, position: position++ });
      start = end;
    }
    return frames;
  });
}

const textOf = (position: number) => payloadOf(position, 10 + (position % 7) * 9).toString();

describe('recovery', () => {
  it('keeps exactly the whole frames when the last segment is cut at any byte', async () => {
    const original = await written(1500);
    const path = original.pathsLike(SEGMENT_PATH).at(-1)!;
    const content = Buffer.from(original.contentOf(path));
    const frames = framesOf(original);
    expect(frames.length).toBe(RECORDS);
    for (let cut = 0; cut <= content.length; cut++) {
      const fs = original.clone();
      fs.setContent(path, content.subarray(0, cut));
      const log = await open(fs, 1500);
      const kept = frames.filter((frame) => frame.path !== path || frame.end <= cut).map((frame) => frame.position);
      expect([...(await readAll(log)).keys()], `cut at ${cut}`).toEqual(kept);
      expect(log.nextPosition).toBe(kept.length);
      expect(log.gaps).toEqual([]);
      const isBoundary =
        cut === SEGMENT_HEADER_BYTES || frames.some((frame) => frame.path === path && frame.end === cut);
      expect(log.isTailCut, `cut at ${cut}`).toBe(!isBoundary);
      expect(await log.append(payloadOf(1000))).toBe(kept.length);
      await log.close();
      const again = await open(fs, 1500);
      expect((await readAll(again)).get(kept.length)).toBe(payloadOf(1000).toString());
      expect(again.gaps).toEqual([]);
      await again.close();
    }
  });

  it.each([
    { form: 'one segment', segmentBytes: 100_000 },
    { form: 'many segments', segmentBytes: 500 },
  ])(
    'reads every undamaged record after random bit flips, and says what is missing ($form)',
    async ({ segmentBytes }) => {
      const seed = process.env['TEST_SEED'] ?? 'bit flips';
      const random = seededRandom(seed);
      const original = await written(segmentBytes);
      const frames = framesOf(original);
      let flips = 0;
      let gapsSeen = 0;
      while (flips < 1500) {
        const fs = original.clone();
        const hit = new Set<number>();
        const paths = fs.pathsLike(SEGMENT_PATH);
        const places: string[] = [];
        for (let count = 1 + random.below(4); count > 0; count--, flips++) {
          const path = paths[random.below(paths.length)]!;
          const bit = random.below(fs.contentOf(path).length * 8);
          places.push(`${path}:${bit}`);
          fs.flipBit(path, bit);
          const frame = frames.find(({ path: of, start, end }) => of === path && start <= bit >>> 3 && bit >>> 3 < end);
          if (frame !== undefined) hit.add(frame.position);
        }
        const about = `TEST_SEED=${seed}, flips at ${places.join(' ')}`;
        const log = await open(fs, segmentBytes);
        const found = await readAll(log);
        for (const { position } of frames) if (!hit.has(position)) expect(found.has(position), about).toBe(true);
        for (const [position, text] of found) expect(text, about).toBe(textOf(position));
        const missing = Array.from({ length: log.nextPosition }, (_, index) => index).filter(
          (index) => !found.has(index),
        );
        expect(positionsOf(log.gaps), about).toEqual(missing);
        expect(log.gaps.every((gap) => gap.cause === 'damaged')).toBe(true);
        gapsSeen += log.gaps.length;

        const next = log.nextPosition;
        expect(await log.append(payloadOf(7777)), about).toBe(next);
        await log.close();
        const again = await open(fs, segmentBytes);
        expect(await readAll(again), about).toEqual(found.set(next, payloadOf(7777).toString()));
        await again.close();
      }
      expect(gapsSeen).toBeGreaterThan(300);
    },
  );

  it('knows a cut behind a clean close for what it is: a gap, whose positions are not given again', async () => {
    const original = await written(100_000, 'closed');
    const frames = framesOf(original);
    const whole = await open(original.clone());
    expect([whole.isTailCut, whole.gaps]).toEqual([false, []]);
    await whole.close();
    for (const cut of [frames[40]!.end, frames[40]!.end + 7]) {
      const fs = original.clone();
      fs.setContent(frames[0]!.path, original.contentOf(frames[0]!.path).subarray(0, cut));
      // Nor does a life that ends before its first record forget it.
      await open(fs);
      const log = await open(fs.clone());
      expect([log.isTailCut, log.nextPosition]).toEqual([true, RECORDS]);
      expect(log.gaps).toEqual([{ fromPosition: 41, toPosition: RECORDS - 1, cause: 'damaged' }]);
      expect(await log.append(payloadOf(0))).toBe(RECORDS);
      await log.close();
    }
  });

  it('does not vouch for its end when the machine stopped, since a disk may have lost what it called synced', async () => {
    const killed = await written(100_000);
    const sameBoot = await open(killed.clone());
    expect(sameBoot.isTailCut).toBe(false);
    await sameBoot.close();
    const stopped = killed.clone();
    stopped.boot++;
    // Whole records are gone: nothing in what is left tells.
    const [path] = stopped.pathsLike(SEGMENT_PATH);
    stopped.setContent(path!, stopped.contentOf(path!).subarray(0, framesOf(stopped)[40]!.end));
    const log = await open(stopped);
    expect([log.isTailCut, log.nextPosition, log.gaps]).toEqual([true, 41, []]);
    await log.close();
    const again = await open(stopped);
    expect(again.isTailCut).toBe(false);
    await again.close();
  });

  it('opens on a full disk, and then does not trust the mark of an earlier close', async () => {
    const fs = await written(100_000, 'closed');
    fs.failing.writes = 1;
    await open(fs);
    const log = await open(fs.clone());
    expect([log.isTailCut, log.nextPosition]).toEqual([true, RECORDS]);
    await log.close();
  });

  it('does not take good frames behind damage in the last segment for a torn tail', async () => {
    const fs = await written(100_000);
    const frame = framesOf(fs)[20]!;
    fs.contentOf(frame.path).fill(0xee, frame.start - 3, frame.end + 3);
    const log = await open(fs);
    expect((await readAll(log)).size).toBe(RECORDS - 3);
    expect(log.gaps).toEqual([{ fromPosition: 19, toPosition: 21, cause: 'damaged' }]);
    expect(log.nextPosition).toBe(RECORDS);
    await log.close();
  });

  it('records a missing segment in the middle as a gap, and goes on without the first and last one', async () => {
    const fs = await written(500);
    const paths = fs.pathsLike(SEGMENT_PATH);
    const bases = paths.map((path) => Number(path.slice(-24, -4)));
    fs.remove(paths[0]!);
    fs.remove(paths[2]!);
    fs.remove(paths.at(-1)!);
    const log = await open(fs, 500);
    expect(log.firstPosition).toBe(bases[1]);
    expect(log.nextPosition).toBe(bases.at(-1));
    expect(log.gaps).toEqual([{ fromPosition: bases[2], toPosition: bases[3]! - 1, cause: 'damaged' }]);
    expect((await readAll(log)).size).toBe(bases.at(-1)! - bases[1]! - (bases[3]! - bases[2]!));
    await log.close();
  });

  it('reads a lone segment whose header is destroyed', async () => {
    const fs = await written(100_000);
    const [path] = fs.pathsLike(SEGMENT_PATH);
    fs.contentOf(path!).fill(0, 0, SEGMENT_HEADER_BYTES + 5);
    const log = await open(fs);
    expect((await readAll(log)).size).toBe(RECORDS - 1);
    expect(log.gaps).toEqual([{ fromPosition: 0, toPosition: 0, cause: 'damaged' }]);
    expect(await log.append(payloadOf(0))).toBe(RECORDS);
    await log.close();
  });

  it('opens on garbage, empty files and files of others, and leaves the latter alone', async () => {
    const fs = new PowerCutFs();
    const random = seededRandom('garbage');
    fs.setContent('/log/00000000000000000000.log', Buffer.from(Array.from({ length: 5000 }, () => random.below(256))));
    fs.setContent('/log/00000000000000000900.log', Buffer.alloc(0));
    fs.setContent('/log/00000000000000000950.log', Buffer.alloc(4096));
    fs.setContent('/log/notes.txt', Buffer.from('mine'));
    fs.setContent('/log/7.log', Buffer.from('mine too'));
    fs.setContent('/log/cursor-broken', Buffer.alloc(3));
    const log = await open(fs);
    expect(log.nextPosition).toBe(950);
    expect(log.gaps).toEqual([{ fromPosition: 0, toPosition: 949, cause: 'damaged' }]);
    expect(await log.append(payloadOf(0))).toBe(950);
    expect([...(await readAll(log)).keys()]).toEqual([950]);
    expect(fs.contentOf('/log/notes.txt').toString()).toBe('mine');
    expect(fs.contentOf('/log/7.log').toString()).toBe('mine too');
    await log.close();
  });

  it('sets a renamed copy of a segment aside instead of writing over it', async () => {
    const fs = await written(100_000);
    const [path] = fs.pathsLike(SEGMENT_PATH);
    const copy = Buffer.from(fs.contentOf(path!));
    fs.setContent(`/log/${String(RECORDS).padStart(20, '0')}.log`, copy);
    const log = await open(fs, 1000);
    expect([log.nextPosition, log.gaps]).toEqual([RECORDS, []]);
    for (let index = 0; index < 30; index++) await log.append(payloadOf(index));
    expect((await readAll(log)).size).toBe(RECORDS + 30);
    expect(fs.contentOf(`/log/${String(RECORDS).padStart(20, '0')}.log.set-aside`).equals(copy)).toBe(true);
    await log.close();
  });

  it('does not take frames inside a payload for frames of the log', async () => {
    const fs = new PowerCutFs();
    const log = await open(fs);
    for (let index = 0; index < 5; index++) await log.append(payloadOf(index));
    const ownMarker = fs.contentOf(fs.pathsLike(SEGMENT_PATH)[0]!).readUInt32LE(12);
    const older = Buffer.from(fs.contentOf(fs.pathsLike(SEGMENT_PATH)[0]!));
    const forged = Buffer.alloc(500);
    let end = 0;
    for (let index = 6; index < 12; index++)
      end = encodeFrame(forged, end, (ownMarker ^ 1) >>> 0, index, payloadOf(666));
    await log.append(Buffer.concat([older, forged.subarray(0, end)]));
    // A copy of what a later record will be, marker and all: only its place tells.
    const copied = Buffer.alloc(100);
    await log.append(copied.subarray(0, encodeFrame(copied, 0, ownMarker, 7, payloadOf(666))));
    await log.append(payloadOf(7));
    await log.append(payloadOf(8));
    await log.close();

    const [path] = fs.pathsLike(SEGMENT_PATH);
    const frames = framesOf(fs);
    // Marker and length of the record that holds forged frames: only a search can find the next one.
    fs.contentOf(path!).fill(0xff, frames[5]!.start, frames[5]!.start + 12);
    // The payload's CRC alone of the one that holds the copy.
    fs.flipBit(path!, (frames[6]!.end - 1) * 8);
    const again = await open(fs);
    expect([...(await readAll(again)).keys()]).toEqual([0, 1, 2, 3, 4, 7, 8]);
    expect((await readAll(again)).get(7)).toBe(payloadOf(7).toString());
    expect(again.gaps).toEqual([{ fromPosition: 5, toPosition: 6, cause: 'damaged' }]);
    await again.close();
  });

  it('skips damage that is only found by reading, and records it', async () => {
    const fs = await written(500);
    const log = await open(fs, 500);
    const frames = framesOf(fs);
    const lastOfFirst = frames.filter((frame) => frame.path === frames[0]!.path).at(-1)!;
    for (const frame of [frames[2]!, lastOfFirst, frames[40]!]) fs.flipBit(frame.path, frame.start * 8 + 77);
    const lost = [2, lastOfFirst.position, 40];
    const found = await readAll(log);
    expect(frames.map((frame) => frame.position).filter((position) => !found.has(position))).toEqual(lost);
    expect(positionsOf(log.gaps)).toEqual(lost);
    expect(await readAll(log)).toEqual(found);
    expect((await log.read(2, 1))[0]?.position).toBe(3);
    await log.close();
  });

  it('syncs what a killed process left in the page cache before it counts as durable', async () => {
    const killed = await written(100_000);
    const fs = killed.clone();
    const log = await open(fs);
    expect(log.durablePosition).toBe(RECORDS);
    expect(fs.journal.map((step) => step.kind)).toEqual(['datasync', 'syncDirectory', 'write', 'datasync']);
    await log.close();
  });

  it('opens over sectors that cannot be read', async () => {
    const fs = await written(100_000);
    fs.failing.reads = 3;
    const log = await open(fs);
    expect(log.nextPosition).toBeGreaterThanOrEqual(0);
    expect(positionsOf(log.gaps).length + (await readAll(log)).size).toBe(log.nextPosition);
    await log.close();
  });

  it('refuses a log of a later version instead of starting over', async () => {
    const fs = await written(100_000);
    const { crc32 } = await import('node:zlib');
    const content = fs.contentOf(fs.pathsLike(SEGMENT_PATH)[0]!);
    content.writeUInt32LE(2, 8);
    content.writeUInt32LE(crc32(content.subarray(0, 28)), 28);
    await expect(open(fs)).rejects.toMatchObject({ code: 'DISK_FAILED' });
  });
});
