import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Clock, Timer } from '../time/index.ts';
import { diskError, type LogFile, type LogFs } from './fs.ts';
import type { LogCursor } from './types.ts';

/*
 * A cursor's file holds two slots in two disk sectors, written in turn: a write that is torn by a power cut can only
 * damage the older one. Both are written when the file is made, so that moving on needs no room on a full disk.
 *
 *   slot  0 magic u32   4 generation u32   8 position u64   16 CRC of 0..15 u32
 */
const SLOT_BYTES = 20;
const SLOT_STRIDE_BYTES = 512;
const SLOT_MAGIC = 0x7275_436c;
const FLUSH_INTERVAL_MS = 500;
const CURSOR_NAME = /^cursor-(.+)$/;
const TWO_POW_32 = 4_294_967_296;

export function cursorFileName(name: string): string {
  return `cursor-${encodeURIComponent(name)}`;
}

/** The cursor's name from its file's name; undefined when the file is no cursor's. */
export function cursorOfName(fileName: string): string | undefined {
  const encoded = CURSOR_NAME.exec(fileName)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

export class Cursor implements LogCursor {
  readonly name: string;
  readonly #file: LogFile;
  readonly #clock: Clock;
  readonly #durablePosition: () => number;
  #position: number;
  #generation: number;
  #flushedPosition: number;
  #timer: Timer | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(name: string, file: LogFile, slot: Slot, clock: Clock, durablePosition: () => number) {
    this.name = name;
    this.#file = file;
    this.#clock = clock;
    this.#durablePosition = durablePosition;
    this.#position = slot.position;
    this.#flushedPosition = slot.position;
    this.#generation = slot.generation;
  }

  /**
   * Opens the cursor's file; one that is missing or damaged in both slots starts at `startPosition`. Rejects when that
   * cannot be made durable, unless it is `lenient`: a full disk must not keep the log from opening.
   */
  static async open(
    name: string,
    startPosition: number,
    disk: { fs: LogFs; directory: string; clock: Clock; durablePosition: () => number },
    strictness: 'strict' | 'lenient',
  ): Promise<Cursor> {
    const path = join(disk.directory, cursorFileName(name));
    const file = await disk.fs.open(path, 'create');
    try {
      const found = await readSlots(file);
      const slot = found ?? { position: startPosition, generation: 2 };
      const cursor = new Cursor(name, file, slot, disk.clock, disk.durablePosition);
      if (found !== undefined) return cursor;
      try {
        await file.writev([encodeSlot({ position: startPosition, generation: 1 })], SLOT_STRIDE_BYTES);
        await file.writev([encodeSlot(slot)], 0);
        await file.datasync();
        await disk.fs.syncDirectory(disk.directory);
      } catch (error) {
        if (strictness === 'strict') throw error;
      }
      return cursor;
    } catch (error) {
      await file.close();
      throw diskError(error, `Opening cursor ${name}`);
    }
  }

  get position(): number {
    return this.#position;
  }

  advance(toPosition: number): void {
    const position = Math.min(toPosition, this.#durablePosition());
    if (!(position > this.#position) || this.#isClosed) return;
    this.#position = position;
    this.#timer ??= this.#clock.setTimer(FLUSH_INTERVAL_MS, () => {
      this.#timer = undefined;
      // A flush that fails is tried again with the next advance, and at close. Until then the file is only behind.
      this.flush().catch(() => {});
    });
  }

  flush(): Promise<void> {
    const flushed = this.#flushing.then(() => this.#write());
    this.#flushing = flushed.catch(() => {});
    return flushed;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    try {
      await this.flush();
    } finally {
      await this.#file.close();
    }
  }

  async #write(): Promise<void> {
    const position = this.#position;
    if (position === this.#flushedPosition) return;
    const generation = this.#generation + 1;
    try {
      await this.#file.writev([encodeSlot({ position, generation })], (generation % 2) * SLOT_STRIDE_BYTES);
      await this.#file.datasync();
    } catch (error) {
      throw diskError(error, `Writing cursor ${this.name}`);
    }
    this.#generation = generation;
    this.#flushedPosition = position;
  }
}

interface Slot {
  position: number;
  generation: number;
}

async function readSlots(file: LogFile): Promise<Slot | undefined> {
  const bytes = Buffer.alloc(SLOT_STRIDE_BYTES + SLOT_BYTES);
  await file.pread(bytes, 0).catch(() => bytes.fill(0));
  const [even, odd] = [0, SLOT_STRIDE_BYTES].map((offset) => decodeSlot(bytes.subarray(offset, offset + SLOT_BYTES)));
  if (even === undefined || odd === undefined) return even ?? odd;
  return even.generation > odd.generation ? even : odd;
}

function encodeSlot(slot: Slot): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES);
  bytes.writeUInt32LE(SLOT_MAGIC, 0);
  bytes.writeUInt32LE(slot.generation, 4);
  bytes.writeUInt32LE(slot.position % TWO_POW_32, 8);
  bytes.writeUInt32LE(Math.floor(slot.position / TWO_POW_32), 12);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 16)), 16);
  return bytes;
}

function decodeSlot(bytes: Buffer): Slot | undefined {
  if (bytes.readUInt32LE(0) !== SLOT_MAGIC || crc32(bytes.subarray(0, 16)) !== bytes.readUInt32LE(16)) return undefined;
  return {
    generation: bytes.readUInt32LE(4),
    position: bytes.readUInt32LE(8) + bytes.readUInt32LE(12) * TWO_POW_32,
  };
}
