import { errnoOf, LatticeError, messageOf } from '../errors/index.ts';

/**
 * The disk as the log sees it: the few calls that durability depends on, so that a test can put a disk in its place that
 * loses what was not synced, fills up or fails. All calls are asynchronous and reject with Node's errors (`code` is an errno).
 */
export interface LogFs {
  /** Creates the folder and those above it; well if it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Names in the folder, in no order. */
  readDirectory(path: string): Promise<string[]>;
  /** Opens for reading and writing. `create` makes the file if it is missing; `existing` rejects with ENOENT. */
  open(path: string, mode: 'create' | 'existing'): Promise<LogFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes the names in the folder durable. A new file is not durable before this, however often it was synced itself. */
  syncDirectory(path: string): Promise<void>;
  /** Which boot of the machine this is, as at most 36 characters; empty when that cannot be told. Never rejects. */
  machineBoot(): Promise<string>;
  /** Takes the folder for this process alone. Rejects with DATA_LOCKED. Resolves with the call that gives it back. */
  lock(directory: string): Promise<() => Promise<void>>;
}

export interface LogFile {
  size(): Promise<number>;
  /** Writes all the bytes at the offset, or rejects; then any part of them may have been written. May sync what it writes. */
  writev(buffers: Uint8Array[], offset: number): Promise<void>;
  /** Fills the buffer from the offset; resolves with the bytes read, fewer only at the end of the file. */
  pread(buffer: Uint8Array, offset: number): Promise<number>;
  truncate(bytes: number): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

const READ_BLOCK_BYTES = 4096;

/**
 * Fills the buffer from the file. What the file lacks, and blocks that the disk refuses, are zeros: a bad sector costs
 * the records in it and no more.
 */
export async function readTolerantly(file: LogFile, into: Buffer, offset: number): Promise<void> {
  try {
    into.fill(0, await file.pread(into, offset));
  } catch {
    for (let at = 0; at < into.length; at += READ_BLOCK_BYTES) {
      const block = into.subarray(at, at + READ_BLOCK_BYTES);
      const filled = await file.pread(block, offset + at).catch(() => 0);
      block.fill(0, filled);
    }
  }
}

/** Whether the disk has no room, or the user's quota is used up. */
export function isDiskFull(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOSPC' || errno === 'EDQUOT';
}

/** An error of the disk as one of ours: DISK_FULL for no space and quota, DISK_FAILED for the rest. */
export function diskError(error: unknown, doing: string): LatticeError {
  if (error instanceof LatticeError) return error;
  const code = isDiskFull(error) ? 'DISK_FULL' : 'DISK_FAILED';
  return new LatticeError(code, `${doing}: ${messageOf(error)}.`, { cause: error });
}
