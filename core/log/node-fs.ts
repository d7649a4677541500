import { constants } from 'node:fs';
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

/**
 * With O_DSYNC a write returns when it is durable, as if fdatasync came with it: one trip to the thread pool for a group
 * instead of two. Elsewhere the flag is missing or promises less than fdatasync does (macOS leaves it to the drive's cache).
 */
const SYNCED_WRITES = process.platform === 'linux' ? constants.O_DSYNC : 0;

async function openFile(path: string, mode: 'create' | 'existing'): Promise<LogFile> {
  const handle = await open(path, constants.O_RDWR | SYNCED_WRITES | (mode === 'create' ? constants.O_CREAT : 0));
  // What another process has left in the file may not be synced.
  let isSynced = false;
  return {
    size: async () => (await handle.stat()).size,
    writev: (buffers, offset) => writeAll(handle, buffers, offset),
    pread: (buffer, offset) => readFully(handle, buffer, offset),
    truncate: (bytes) => {
      isSynced = false;
      return handle.truncate(bytes);
    },
    async datasync() {
      if (isSynced) return;
      await handle.datasync();
      isSynced = SYNCED_WRITES !== 0;
    },
    close: () => handle.close(),
  };
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
