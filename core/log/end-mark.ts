import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { LogFs } from './fs.ts';

/*
 * Segments alone cannot say that records at their end are missing: a whole group that was lost leaves no trace. So a small
 * file beside them says up to where the log reached when it was last opened or closed, and which of the two it was.
 * It is written in place, in one sector, so that a full disk has room for it; one that is torn or missing says nothing.
 *
 *   0 magic u32   4 state u32 (1 open, 2 closed)   8 end u64   16 boot of the machine (36, padded with zeros)   52 CRC of 0..51 u32
 */
export interface EndMark {
  state: 'open' | 'closed';
  /** The position behind the last durable record at the time. */
  end: number;
  /** Which boot of the machine wrote it; empty when that cannot be told. */
  machineBoot: string;
}

export const END_MARK_FILE = 'end-mark';
const MARK_BYTES = 56;
const MAGIC = 0x6b72_6d45;
const BOOT_OFFSET = 16;
const BOOT_BYTES = 36;
const CRC_OFFSET = 52;

/** The mark in the folder; undefined when there is none that is whole. */
export async function readEndMark(fs: LogFs, directory: string): Promise<EndMark | undefined> {
  const bytes = Buffer.alloc(MARK_BYTES);
  try {
    const file = await fs.open(join(directory, END_MARK_FILE), 'existing');
    try {
      await file.pread(bytes, 0);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
  if (bytes.readUInt32LE(0) !== MAGIC || crc32(bytes.subarray(0, CRC_OFFSET)) !== bytes.readUInt32LE(CRC_OFFSET)) {
    return undefined;
  }
  return {
    state: bytes.readUInt32LE(4) === 2 ? 'closed' : 'open',
    end: Number(bytes.readBigUInt64LE(8)),
    machineBoot: bytes.toString('latin1', BOOT_OFFSET, BOOT_OFFSET + BOOT_BYTES).replace(/\0+$/, ''),
  };
}

/** Makes the mark durable. Rejects with the disk's error; then the file says what it said before, or nothing. */
export async function writeEndMark(fs: LogFs, directory: string, mark: EndMark): Promise<void> {
  const bytes = Buffer.alloc(MARK_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(mark.state === 'closed' ? 2 : 1, 4);
  bytes.writeBigUInt64LE(BigInt(mark.end), 8);
  bytes.write(mark.machineBoot, BOOT_OFFSET, BOOT_BYTES, 'latin1');
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CRC_OFFSET)), CRC_OFFSET);
  const file = await fs.open(join(directory, END_MARK_FILE), 'create');
  try {
    const isNew = (await file.size()) === 0;
    await file.writev([bytes], 0);
    await file.datasync();
    if (isNew) await fs.syncDirectory(directory);
  } finally {
    await file.close();
  }
}

/**
 * Whether records behind those that were found may have been there. A process that was killed loses nothing that it had
 * written, as long as the machine runs on; a machine that stopped may lose even what its disk had called synced.
 */
export function mayLackTail(mark: EndMark | undefined, recoveredEnd: number, machineBoot: string): boolean {
  // Records behind the mark of a clean close: the mark is of an earlier life, and says nothing about this one.
  if (mark === undefined || recoveredEnd < mark.end) return true;
  if (mark.state === 'closed') return recoveredEnd > mark.end;
  return mark.machineBoot === '' || mark.machineBoot !== machineBoot;
}
