import { readFile } from 'node:fs/promises';
import { errnoOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import { writeFileAtomic } from '../../core/files/index.ts';
import { type Life, livesSchema } from './time-lines.ts';

/** Reads the lives of the machine; none when the file is missing or damaged. Rejects with DISK_FAILED. */
export async function readLives(path: string): Promise<Life[]> {
  try {
    return livesSchema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data ?? [];
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return [];
    throw new LatticeError('DISK_FAILED', `${path}: ${messageOf(error)}.`, { cause: error });
  }
}

/** Rejects with DISK_FAILED. */
export async function writeLives(path: string, lives: readonly Life[]): Promise<void> {
  try {
    await writeFileAtomic(path, `${JSON.stringify(lives)}\n`);
  } catch (error) {
    throw new LatticeError('DISK_FAILED', `${path}: ${messageOf(error)}.`, { cause: error });
  }
}
