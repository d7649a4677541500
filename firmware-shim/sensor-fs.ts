import { readdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** What the drivers need of a file system. Paths are relative to the root that holds sys/ and proc/. */
export interface SensorFs {
  /** The content without white space around it; undefined when the file is not there or the sensor does not answer. */
  read(path: string): Promise<string | undefined>;
  /** Names in a folder, sorted with numbers in order; empty when it is not there. */
  list(path: string): Promise<string[]>;
  /** Space of the file system that holds the path, in bytes, as df counts it; undefined when it cannot be told. */
  space(path: string): Promise<{ usedBytes: number; availableBytes: number } | undefined>;
}

const inOrder = new Intl.Collator('en', { numeric: true });

/** The real one. A failing sensor (EIO, EAGAIN, ENODATA) and an unplugged one (ENOENT, ENODEV) look the same: no value. */
export function nodeSensorFs(root: string): SensorFs {
  return {
    async read(path) {
      try {
        return (await readFile(join(root, path), 'utf8')).trim();
      } catch {
        return undefined;
      }
    },
    async list(path) {
      try {
        return (await readdir(join(root, path))).sort(inOrder.compare);
      } catch {
        return [];
      }
    },
    async space(path) {
      try {
        const { blocks, bfree, bavail, bsize } = await statfs(join(root, path));
        return { usedBytes: (blocks - bfree) * bsize, availableBytes: bavail * bsize };
      } catch {
        return undefined;
      }
    },
  };
}

/** The number in a sysfs attribute; undefined when there is none. */
export async function readNumber(fs: SensorFs, path: string): Promise<number | undefined> {
  const text = await fs.read(path);
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}
