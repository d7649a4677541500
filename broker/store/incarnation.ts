import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';

const INCARNATION = /^[0-9a-f]{32}$/;

const FILE = 'incarnation';

/**
 * Which life of the data folder this is: made once, synced, and read ever after. It is renewed when the journal began anew,
 * since peers would take its first records for ones that they know.
 */
export async function openIncarnation(directory: string, random: Random, renew: boolean): Promise<string> {
  await mkdir(directory, { recursive: true });
  try {
    const text = (await readFile(join(directory, FILE), 'utf8')).trim();
    if (!renew && INCARNATION.test(text)) return text;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  return renewIncarnation(directory, random);
}

/** Begins a new life of the data folder; durable once it resolves. */
export async function renewIncarnation(directory: string, random: Random): Promise<string> {
  const path = join(directory, FILE);
  const incarnation = Array.from({ length: 32 }, () => random.below(16).toString(16)).join('');
  const file = await open(`${path}.tmp`, 'w');
  await file.writeFile(`${incarnation}\n`);
  await file.sync();
  await file.close();
  await rename(`${path}.tmp`, path);
  const folder = await open(directory, 'r');
  await folder.sync();
  await folder.close();
  return incarnation;
}
