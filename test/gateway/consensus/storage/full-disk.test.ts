import { describe, expect, test } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import { type Random, seededRandom } from '../../../../core/random/index.ts';
import type { RaftStorage } from '../../../../gateway/consensus/storage/index.ts';
import { PowerCutFs, SEGMENT_PATH } from '../../../support/power-cut-fs.ts';
import { confirmedBy, entryAt, lostOf, nothingConfirmed, openOn, ScriptedMember, snapshotAt } from './script.ts';

const SEEDS = Number(process.env['TEST_SEEDS'] ?? 24);
const LIVES = 20;
const ROUNDS_MAX = 8;
/** How much room a disk has that is about to be full. */
const ROOM_BYTES_MAX = 250;

class LifeIsOver extends Error {}

/** What is refused for lack of room is written once there is some, as DiskQueue does; or the power fails while it waits. */
function patient(storage: RaftStorage, fs: PowerCutFs, random: Random): Pick<RaftStorage, 'persist' | 'checkpoint'> {
  const untilDone = async (write: () => Promise<void>): Promise<void> => {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (codeOf(error) !== 'DISK_FULL') throw error;
        if (random.below(3) === 0) throw new LifeIsOver();
        if (random.below(2) === 0) fs.bytesMax = Number.POSITIVE_INFINITY;
      }
    }
  };
  return {
    persist: (batch) => untilDone(() => storage.persist(batch)),
    checkpoint: (snapshot) => untilDone(() => storage.checkpoint(snapshot)),
  };
}

describe('a disk that is full now and then', () => {
  test.each(Array.from({ length: SEEDS }, (_, nth) => `${process.env['TEST_SEED'] ?? 'full disk'} ${nth}`))(
    'keeps what was confirmed, through power cuts in turn: seed %s',
    async (seed) => {
      const random = seededRandom(seed);
      let fs = new PowerCutFs();
      let promised = nothingConfirmed();
      for (let life = 0; life < LIVES; life++) {
        const about = `seed ${seed}, life ${life}`;
        if (life > 0 && random.below(4) > 0) fs.bytesMax = fs.usedBytes + random.below(ROOM_BYTES_MAX);
        if (random.below(4) === 0) fs.failing.truncates = 1;
        const storage = await openOn(fs).catch((cause) => {
          throw new Error(about, { cause });
        });
        fs.failing.truncates = 0;
        expect(lostOf(promised, storage.recovered), about).toEqual([]);
        const member = new ScriptedMember(patient(storage, fs, random), random, confirmedBy(storage.recovered));
        const history = [{ step: 0, confirmed: promised }];
        try {
          if (storage.isNew) await member.begin();
          for (let rounds = random.below(ROUNDS_MAX); rounds > 0; rounds--) {
            history.push({ step: fs.journal.length, confirmed: member.confirmed });
            await member.round();
          }
          history.push({ step: fs.journal.length, confirmed: member.confirmed });
        } catch (error) {
          if (!(error instanceof LifeIsOver)) throw error;
        }
        const step = random.below(fs.journal.length + 1);
        promised = history.findLast((point) => point.step <= step)!.confirmed;
        fs = fs.cutAfter(step, (['lost', 'kept', 'some'] as const)[random.below(3)]!, random);
      }
    },
  );

  test.each(['can', 'cannot'])('does not write behind a torn record, which it %s cut off', async (can) => {
    const fs = new PowerCutFs();
    const storage = await openOn(fs);
    await storage.persist({ snapshot: snapshotAt(1, 1), hardState: { term: 1, vote: 0, commit: 1 }, entries: [] });
    await storage.close();
    const torn = fs.clone();
    const [segment] = torn.pathsLike(SEGMENT_PATH);
    torn.setContent(segment!, Buffer.concat([torn.contentOf(segment!), Buffer.from('torn')]));

    torn.bytesMax = torn.usedBytes;
    torn.failing.truncates = can === 'can' ? 0 : 1;
    const second = await openOn(torn);
    torn.bytesMax = 0;
    const batch = { snapshot: undefined, hardState: { term: 2, vote: 1, commit: 1 }, entries: [entryAt(2, 2)] };
    expect(await second.persist(batch).catch(codeOf)).toBe('DISK_FULL');
    torn.bytesMax = Number.POSITIVE_INFINITY;
    await second.persist(batch);
    await second.close();
    expect((await openOn(torn.clone())).recovered).toMatchObject({
      hardState: batch.hardState,
      entries: [{ index: 2 }],
    });
  });
});
