import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, LatticeError } from '../errors/index.ts';
import { removeIfThere } from './atomic-write.ts';

/*
 * Node has no flock, so a process that holds a folder says so by a file whose name is the process: pid, start time and
 * boot. Each contender first creates its own file and then looks for others. Of two that come at once at least one sees
 * the other, so never do both go on (they may both give up; a supervisor starts them again).
 *
 * A name never comes back: a process that reuses the pid has another start time. So the file of a dead process can be
 * removed by anybody at any time without ever removing the lock of a live one, which is the race of a single lock file.
 *
 * Limits: processes in another container or on another host that share the folder are not seen.
 */
const LOCK_NAME = /^lock-(\d+)-(\d+)-([0-9a-f]+)$/;

/** Takes the folder for this process. Rejects with DATA_LOCKED. Resolves with the call that gives it back. */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const boot = (await machineBoot()) || '0';
  const name = `lock-${process.pid}-${(await startOf(process.pid)) ?? 0}-${boot}`;
  const path = join(directory, name);
  try {
    await (await open(path, 'wx')).close();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    throw lockedError(directory, process.pid);
  }
  try {
    for (const other of await readdir(directory)) {
      const match = LOCK_NAME.exec(other);
      if (match === null || other === name) continue;
      const pid = Number(match[1]);
      if (match[3] === boot && (await isAlive(pid, Number(match[2])))) throw lockedError(directory, pid);
      await removeIfThere(join(directory, other));
    }
  } catch (error) {
    await removeIfThere(path);
    throw error;
  }
  return () => removeIfThere(path);
}

function lockedError(directory: string, pid: number): LatticeError {
  return new LatticeError('DATA_LOCKED', `Process ${pid} uses ${directory}.`);
}

async function isAlive(pid: number, start: number): Promise<boolean> {
  const startNow = await startOf(pid);
  if (startNow !== undefined) return startNow === start;
  if (process.platform === 'linux') return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/**
 * When the process started, in clock ticks since boot; undefined when there is none, or only its zombie.
 * proc(5): field 22 of stat; the name in field 2 may hold spaces and brackets, so count from the last bracket.
 */
async function startOf(pid: number): Promise<number | undefined> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
}

/** Which boot of the machine this is, 16 hexadecimal digits; empty where the system does not tell (it is Linux that does). */
export async function machineBoot(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).replace(/[^0-9a-f]/g, '').slice(0, 16);
  } catch {
    return '';
  }
}
