import { readFile } from 'node:fs/promises';
import { errnoOf } from '../../core/errors/index.ts';
import { writeFileAtomic } from '../../core/files/index.ts';
import { type SavedClock, savedClockSchema } from './core/index.ts';

/** What was kept of the clock; undefined when there is nothing, or nothing that can be read: it is learnt again in a minute. */
export async function readSavedClock(path: string): Promise<SavedClock | undefined> {
  try {
    return savedClockSchema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

export async function writeSavedClock(path: string, saved: SavedClock): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(saved)}\n`);
}
