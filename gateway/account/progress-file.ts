import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { errnoOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import { writeFileAtomic } from '../../core/files/index.ts';
import { ledgerSnapshotSchema } from './ledger.ts';

/**
 * What a gateway knows beside its buffer's log, saved every few seconds. After a crash the log is read again from
 * `takenPosition` on, and written to the store again from `replicatedPosition` on, where it changes nothing.
 */
const progressSchema = z.object({
  version: z.literal(1),
  /** Records of the log below this position are in the ledger. */
  takenPosition: z.int().min(0),
  /** Records below this position are in the store. */
  replicatedPosition: z.int().min(0),
  /** Readings below replicatedPosition that the store has, and that it refused for good. */
  stored: z.int().min(0),
  rejected: z.int().min(0),
  /** Readings from replicatedPosition up to takenPosition. */
  buffered: z.int().min(0),
  ledger: ledgerSnapshotSchema,
});

export type GatewayProgress = z.infer<typeof progressSchema>;

export async function saveProgress(path: string, progress: GatewayProgress): Promise<void> {
  await writeFileAtomic(path, JSON.stringify(progress));
}

/** The saved progress; undefined on the first start. Throws PROGRESS_DAMAGED when the file is there but damaged. */
export async function loadProgress(path: string): Promise<GatewayProgress | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return progressSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new LatticeError('PROGRESS_DAMAGED', `${path}: ${messageOf(cause)}`, { cause });
  }
}
