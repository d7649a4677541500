import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from '../errors/index.ts';

/** Names of temporary files: two writes of one file at a time, also from two processes, must not share one. */
let writes = 0;
/** Files whose leftovers of earlier processes were looked for. */
const swept = new Set<string>();

/**
 * Replaces a file so that a reader, or a start after a power cut, finds the old content or the new one, never a mixture:
 * a temporary file beside it, synced, renamed over it, and the folder synced (rename alone is not durable).
 * Of writes at the same time the one that ends last stays. On failure the old content stays and the temporary file goes.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  if (!swept.has(path)) {
    swept.add(path);
    await removeLeftovers(path);
  }
  const temporary = `${path}.${process.pid}-${++writes}.tmp`;
  try {
    const file = await open(temporary, 'w', mode);
    try {
      await file.writeFile(data);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await removeIfThere(temporary);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes a folder, with its parents, readable by the owner alone. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** Removes a file. Nothing happens when there is none. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** What processes that were killed in the middle of a write have left; those of processes that run are theirs. */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    const pid = name.startsWith(prefix) ? /^(\d+)-\d+\.tmp$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && !isRunning(Number(pid))) await removeIfThere(join(dirname(path), name));
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
