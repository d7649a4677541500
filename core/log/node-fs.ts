import { type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { lockDirectory, machineBoot } from '../files/index.ts';
import type { LogFile, LogFs } from './fs.ts';

/** The real disk. Everything runs on libuv's thread pool, so a slow sync never holds up the event loop. */
export const nodeLogFs: LogFs = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true });
  },
  readDirectory: (path) => readdir(path),
  open: openFile,
  rename,
  unlink,
  async syncDirectory(path) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  machineBoot,
  lock: lockDirectory,
};

async function openFile(path: string, mode: 'create' | 'existing'): Promise<LogFile> {
  const handle = await (mode === 'existing' ? open(path, 'r+') : openOrCreate(path));
  return {
    size: async () => (await handle.stat()).size,
    writev: (buffers, offset) => writeAll(handle, buffers, offset),
    pread: (buffer, offset) => readFully(handle, buffer, offset),
    truncate: (bytes) => handle.truncate(bytes),
    datasync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

/** Node has no flag for "create, do not truncate, write anywhere": `a` ignores offsets and `w` empties. */
async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return open(path, 'r+');
  }
}

/** A disk that fills up takes a part of a write first and only refuses the rest, so go on until all is taken or refused. */
async function writeAll(handle: FileHandle, buffers: Uint8Array[], offset: number): Promise<void> {
  let rest = buffers;
  let at = offset;
  for (;;) {
    let { bytesWritten } = await handle.writev(rest, at);
    at += bytesWritten;
    let index = 0;
    while (index < rest.length && bytesWritten >= rest[index]!.length) bytesWritten -= rest[index++]!.length;
    if (index === rest.length) return;
    rest = [rest[index]!.subarray(bytesWritten), ...rest.slice(index + 1)];
  }
}

async function readFully(handle: FileHandle, buffer: Uint8Array, offset: number): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
