import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DurableLog, openLog } from '../../core/log/index.ts';
import { systemClock } from '../../core/time/index.ts';
import { saveProgress } from '../../gateway/account/index.ts';
import { encodeRecord } from '../../gateway/buffer/index.ts';
import { recover } from '../../gateway/recover.ts';

const SILENT = pino({ level: 'silent' });
let directory: string;
let progressFile: string;
let log: DurableLog;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-recover-'));
  progressFile = join(directory, 'progress.json');
  log = await open();
});
afterEach(async () => {
  await log.close();
  rmSync(directory, { recursive: true, force: true });
});

const open = (): Promise<DurableLog> => openLog({ directory: join(directory, 'buffer') }, { clock: systemClock });

async function append(fromSeq: number, toSeq: number): Promise<void> {
  const appends: Promise<number>[] = [];
  for (let seq = fromSeq; seq <= toSeq; seq++) {
    const reading = { site: 's', device: 'd', boot: 'b', seq, tsMs: 1_800_000_000_000, timeQuality: 'sync' as const };
    appends.push(log.append(encodeRecord({ type: 'reading', reading: { ...reading, metrics: { t: seq } } })));
  }
  await Promise.all(appends);
}

/** Saves what a gateway would have saved that had taken and stored so much. */
async function save(taken: number, stored: number): Promise<void> {
  const boots = [
    {
      boot: 'b',
      taken: [[1, taken]] as [number, number][],
      dropped: [],
      floor: 0,
      takenBelow: 0,
      droppedBelow: 0,
      skipped: 0,
    },
  ];
  await saveProgress(progressFile, {
    version: 1,
    takenPosition: taken,
    replicatedPosition: stored,
    stored,
    rejected: 0,
    buffered: taken - stored,
    ledger: {
      unsequenced: 0,
      duplicates: 0,
      folded: { sent: 0, taken: 0, dropped: 0 },
      devices: [{ key: 's/d', closed: [], boots }],
    },
  });
}

async function accountAfterRecovery() {
  const recovered = await recover(progressFile, log, SILENT);
  const account = recovered.tally.account(recovered.ledger.totals(), { received: 0, refused: 0 });
  return { ...recovered, account };
}

describe('recover', () => {
  it('begins with nothing on the first start', async () => {
    const { account, takenPosition, replicatedPosition } = await accountAfterRecovery();
    expect([takenPosition, replicatedPosition, account.sent]).toEqual([0, 0, 0]);
  });

  it('takes into the ledger what came after the last save, and counts what is buffered', async () => {
    await append(1, 100);
    await save(60, 40);
    const { account, replicatedPosition, takenPosition } = await accountAfterRecovery();
    expect([takenPosition, replicatedPosition]).toEqual([100, 40]);
    expect(account).toMatchObject({ sent: 100, stored: 40, buffered: 60, lost: 0, missing: 0 });
  });

  it('writes everything again that is there when the progress is damaged', async () => {
    await append(1, 10);
    writeFileSync(progressFile, '{"version":1,');
    const { account, replicatedPosition } = await accountAfterRecovery();
    expect(replicatedPosition).toBe(0);
    expect(account).toMatchObject({ sent: 10, stored: 0, buffered: 10 });
  });

  it.each([
    { ending: 'a crash', hasMark: false },
    { ending: 'a clean close', hasMark: true },
  ])(
    'shows as lost what damage took from the end of the buffer after $ending, and skips nothing new',
    async ({ hasMark }) => {
      await append(1, 100);
      await save(100, 50);
      await log.close();
      const buffer = join(directory, 'buffer');
      const segment = readdirSync(buffer)
        .map((name) => join(buffer, name))
        .sort((a, b) => statSync(b).size - statSync(a).size)[0] as string;
      truncateSync(segment, Math.floor(statSync(segment).size / 4));
      if (!hasMark) rmSync(join(buffer, 'end-mark'));
      log = await open();
      const left = log.nextPosition;
      // Only a log that was closed cleanly knows how far it reached; then it does not give the positions again.
      if (hasMark) expect(left).toBe(100);
      else expect(left).toBeLessThan(50);
      const { account, replicatedPosition } = await accountAfterRecovery();
      expect(replicatedPosition).toBe(Math.min(left, 50));
      expect(account).toMatchObject({ sent: 100, stored: 50, buffered: 0, lost: 50 });
    },
  );

  it('does not stop at bytes that it cannot read', async () => {
    await append(1, 3);
    await log.append(Buffer.from('{"z":1}'));
    await log.append(Buffer.from([0xff, 0x00]));
    await append(4, 5);
    const { account, takenPosition } = await accountAfterRecovery();
    expect(takenPosition).toBe(7);
    expect(account).toMatchObject({ sent: 5, buffered: 5 });
  });
});
