import { expect, it } from 'vitest';
import { openLog } from '../../../core/log/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { PowerCutFs } from '../../support/power-cut-fs.ts';
import { payloadOf, positionsOf, readAll } from './support.ts';

const OPTIONS = { directory: '/log', segmentBytes: 600 };

it('has every acknowledged record after a power cut at any step', async () => {
  const seed = process.env['TEST_SEED'] ?? 'power cut';
  const random = seededRandom(seed);
  const fs = new PowerCutFs();
  const clock = new VirtualClock();
  const log = await openLog(OPTIONS, { clock, fs });
  const acknowledged: { position: number; text: string; step: number }[] = [];
  const flushed: { position: number; step: number }[] = [];
  const trimmed: { position: number; step: number }[] = [];
  const cursor = await log.cursor('reader');
  for (let round = 0; round < 30; round++) {
    // A failed write or sync now and then: what was refused must not cost what was not.
    if (round % 9 === 4) fs.failing.syncs = 1;
    if (round % 9 === 7) fs.failing.writes = 1;
    const appends = Array.from({ length: 1 + random.below(6) }, async (_, index) => {
      const payload = payloadOf(round * 10 + index, 20 + random.below(60));
      const position = await log.append(payload).catch(() => undefined);
      if (position !== undefined) acknowledged.push({ position, text: payload.toString(), step: fs.journal.length });
    });
    await Promise.all(appends);
    if (round % 4 === 3) {
      cursor.advance(log.durablePosition - 10);
      await cursor.flush();
      flushed.push({ position: cursor.position, step: fs.journal.length });
      trimmed.push({ position: cursor.position, step: fs.journal.length });
      await log.trim(cursor.position);
    }
  }
  await log.close();
  expect(acknowledged.length).toBeGreaterThan(60);
  expect(log.firstPosition).toBeGreaterThan(20);

  for (let step = 0; step <= fs.journal.length; step++) {
    for (const unsynced of ['lost', 'kept', 'some', 'some'] as const) {
      const about = `TEST_SEED=${seed}, power cut after step ${step} (${fs.journal[step - 1]?.kind}), unsynced ${unsynced}`;
      const after = fs.cutAfter(step, unsynced, random);
      const again = await openLog(OPTIONS, { clock, fs: after });
      const found = await readAll(again);
      const trimmedBelow = trimmed.filter((trim) => trim.step <= step).at(-1)?.position ?? 0;
      const damaged = new Set(positionsOf(again.gaps));
      for (const { position, text, step: at } of acknowledged) {
        if (at > step || position < trimmedBelow) continue;
        expect(found.get(position), about).toBe(text);
        expect(damaged.has(position), about).toBe(false);
      }
      const flushedPosition = flushed.filter((flush) => flush.step <= step).at(-1)?.position ?? 0;
      const reader = await again.cursor('reader');
      expect(reader.position, about).toBeGreaterThanOrEqual(flushedPosition);
      expect(again.nextPosition, about).toBeGreaterThanOrEqual(reader.position);
      const position = await again.append(payloadOf(9999));
      expect((await readAll(again)).get(position), about).toBe(payloadOf(9999).toString());
      await again.close();
    }
  }
}, 20_000);
