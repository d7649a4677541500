import { describe, expect, test } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import { seededRandom } from '../../../../core/random/index.ts';
import { PowerCutFs } from '../../../support/power-cut-fs.ts';
import { type Confirmed, entryAt, lostOf, nothingConfirmed, openOn, ScriptedMember, snapshotAt } from './script.ts';

const SEEDS = Number(process.env['TEST_SEEDS'] ?? 12);
const ROUNDS = 24;

describe('a power cut', () => {
  test.each(Array.from({ length: SEEDS }, (_, nth) => `${process.env['TEST_SEED'] ?? 'raft storage'} ${nth}`))(
    'at any step leaves what was confirmed: seed %s',
    async (seed) => {
      const random = seededRandom(seed);
      const fs = new PowerCutFs();
      const storage = await openOn(fs);
      const member = new ScriptedMember(storage, random.fork('member'));
      const history: { step: number; confirmed: Confirmed }[] = [{ step: 0, confirmed: nothingConfirmed() }];
      await member.begin();
      for (let round = 0; round < ROUNDS; round++) {
        history.push({ step: fs.journal.length, confirmed: member.confirmed });
        await member.round();
      }
      history.push({ step: fs.journal.length, confirmed: member.confirmed });
      await storage.close();
      for (let step = 0; step <= fs.journal.length; step++) {
        const { confirmed } = history.findLast((point) => point.step <= step)!;
        for (const unsynced of ['lost', 'kept', 'some'] as const) {
          const about = `seed ${seed}, power cut after step ${step} (${fs.journal[step - 1]?.kind}), unsynced ${unsynced}`;
          const again = await openOn(fs.cutAfter(step, unsynced, random)).catch((cause) => {
            throw new Error(about, { cause });
          });
          expect(lostOf(confirmed, again.recovered), about).toEqual([]);
          expect(again.isNew && confirmed.hardState.term > 0, about).toBe(false);
          await again.close();
        }
      }
    },
  );

  test('between the first snapshot and its record leaves a member that can begin again', async () => {
    const fs = new PowerCutFs();
    const storage = await openOn(fs);
    const opened = fs.journal.length;
    await storage.persist({ snapshot: snapshotAt(1, 1), hardState: { term: 1, vote: 0, commit: 1 }, entries: [] });
    const seen = new Set<boolean>();
    for (let step = opened; step <= fs.journal.length; step++) {
      const again = await openOn(fs.cutAfter(step, 'lost', seededRandom(step)));
      expect(again.isNew).toBe(again.recovered.snapshot === undefined);
      seen.add(again.isNew);
      await again.persist({
        snapshot: undefined,
        hardState: { term: 3, vote: 2, commit: 1 },
        entries: [entryAt(2, 3)],
      });
      await again.close();
    }
    expect(seen).toEqual(new Set([true, false]));
  });
});

test('a checkpoint beside a vote does not undo it', async () => {
  const fs = new PowerCutFs();
  const storage = await openOn(fs);
  await storage.persist({ snapshot: snapshotAt(1, 1), hardState: { term: 1, vote: 0, commit: 1 }, entries: [] });
  await storage.persist({ snapshot: undefined, hardState: { term: 2, vote: 1, commit: 2 }, entries: [entryAt(2, 2)] });
  const gate = Promise.withResolvers<void>();
  fs.gate = gate.promise;
  const voted = storage.persist({ snapshot: undefined, hardState: { term: 7, vote: 3, commit: 2 }, entries: [] });
  const checkpointed = storage.checkpoint(snapshotAt(2, 2));
  gate.resolve();
  await Promise.all([voted, checkpointed]);
  await storage.close();
  const again = await openOn(fs.clone());
  expect(again.recovered.hardState).toMatchObject({ term: 7, vote: 3 });
});

test('a batch that a full disk has refused is there once there is room, and no more is claimed before', async () => {
  const fs = new PowerCutFs();
  const storage = await openOn(fs);
  await storage.persist({ snapshot: snapshotAt(1, 1), hardState: { term: 1, vote: 0, commit: 1 }, entries: [] });
  fs.bytesMax = 0;
  const batch = { snapshot: undefined, hardState: { term: 2, vote: 1, commit: 2 }, entries: [entryAt(2, 2)] };
  expect(await storage.persist(batch).catch(codeOf)).toBe('DISK_FULL');
  expect((await openOn(fs.clone())).recovered).toMatchObject({ hardState: { term: 1, commit: 1 }, entries: [] });
  fs.bytesMax = Number.POSITIVE_INFINITY;
  await storage.persist(batch);
  await storage.close();
  const { recovered } = await openOn(fs.clone());
  expect(recovered.hardState).toEqual(batch.hardState);
  expect(recovered.entries.map(({ index, term }) => ({ index, term }))).toEqual([{ index: 2, term: 2 }]);
});

test('entries of many MiB go as several records, and none claims more than is there', async () => {
  const fs = new PowerCutFs();
  const storage = await openOn(fs);
  await storage.persist({ snapshot: snapshotAt(1, 1), hardState: { term: 1, vote: 0, commit: 1 }, entries: [] });
  const before = fs.journal.length;
  const large = 'x'.repeat(700_000);
  const entries = [2, 3, 4, 5].map((index) => entryAt(index, 2, large));
  await storage.persist({ snapshot: undefined, hardState: { term: 2, vote: 1, commit: 5 }, entries });
  for (let step = before; step <= fs.journal.length; step++) {
    const { recovered } = await openOn(fs.cutAfter(step, 'lost', seededRandom(step)));
    const last = recovered.entries.at(-1)?.index ?? 1;
    expect(recovered.hardState.commit).toBeLessThanOrEqual(last);
    if (recovered.entries.length > 0) expect(recovered.hardState).toMatchObject({ term: 2, vote: 1 });
  }
});
