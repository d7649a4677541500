import { join } from 'node:path';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './frame.ts';
import type { LogFile, LogFs } from './fs.ts';

/** Bytes between two entries of the index in memory: what a read may have to walk over before its first record. */
const INDEX_STRIDE_BYTES = 32 * 1024;
const SEGMENT_NAME = /^\d{20}\.log$/;

export function segmentName(base: number): string {
  return `${String(base).padStart(20, '0')}.log`;
}

/** The first position of a segment from its file's name; undefined when the name is not a segment's. */
export function baseOfName(name: string): number | undefined {
  if (!SEGMENT_NAME.test(name)) return undefined;
  const base = Number(name.slice(0, 20));
  return Number.isSafeInteger(base) ? base : undefined;
}

export interface FramePlace {
  position: number;
  offset: number;
}

/** One segment file: what is durable in it, and where. Frames in it are in order of position. */
export class Segment {
  readonly base: number;
  readonly path: string;
  readonly marker: number;
  /** The position behind the last durable record. */
  end: number;
  /** Durable bytes, header included; what lies behind them in the file does not count. */
  bytes = SEGMENT_HEADER_BYTES;
  /** Set when it is no longer part of the log, so that a reader that was about to open it can tell. */
  isDropped = false;
  readonly #fs: LogFs;
  readonly #indexPositions: number[] = [];
  readonly #indexOffsets: number[] = [];
  /** Offset at which damage starts, and where the next good frame is. */
  readonly #skips = new Map<number, FramePlace>();
  #readEnd: FramePlace | undefined;
  #file: Promise<LogFile> | undefined;
  #users = 0;

  constructor(fs: LogFs, directory: string, base: number, marker: number) {
    this.#fs = fs;
    this.base = base;
    this.end = base;
    this.marker = marker;
    this.path = join(directory, segmentName(base));
  }

  /** Makes the file, durable with its name. A file of that name is emptied: it holds nothing that counts (see callers). */
  static async create(fs: LogFs, directory: string, base: number, marker: number): Promise<Segment> {
    const segment = new Segment(fs, directory, base, marker);
    const file = await fs.open(segment.path, 'create');
    try {
      await file.truncate(0);
      await file.writev([encodeSegmentHeader(base, marker)], 0);
      await file.datasync();
      await fs.syncDirectory(directory);
    } finally {
      await file.close();
    }
    return segment;
  }

  /** Tells of a record that is durable at the offset, `bytes` long; the one before it may lie further back after damage. */
  note(position: number, offset: number, bytes: number): void {
    const last = this.#indexOffsets.at(-1);
    if (last === undefined || offset - last >= INDEX_STRIDE_BYTES || position !== this.end) {
      this.#indexPositions.push(position);
      this.#indexOffsets.push(offset);
    }
    this.end = position + 1;
    this.bytes = offset + bytes;
  }

  /** Where to start a read: a frame at or before the position. Undefined when there is no record. */
  placeNear(position: number): FramePlace | undefined {
    let low = 0;
    let high = this.#indexPositions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#indexPositions[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    const index = Math.max(0, low - 1);
    const indexed = this.#indexPositions[index];
    if (indexed === undefined) return undefined;
    const readEnd = this.#readEnd;
    if (readEnd !== undefined && readEnd.position <= position && readEnd.position > indexed) return readEnd;
    return { position: indexed, offset: this.#indexOffsets[index]! };
  }

  /** Tells where a read ended: the next one of the same reader starts there. */
  noteReadEnd(place: FramePlace): void {
    this.#readEnd = place;
  }

  /** Tells of damage at the offset, and where the next good frame is (at the end when there is none). */
  skip(fromOffset: number, to: FramePlace): void {
    this.#skips.set(fromOffset, to);
  }

  skipAt(offset: number): FramePlace | undefined {
    return this.#skips.get(offset);
  }

  /** Works with the open file; it stays open while anybody does (the log holds the segment it writes to). */
  async use<T>(work: (file: LogFile) => Promise<T>): Promise<T> {
    const file = await this.hold();
    try {
      return await work(file);
    } finally {
      await this.release();
    }
  }

  async hold(): Promise<LogFile> {
    this.#users++;
    const opening = this.#file ?? this.#fs.open(this.path, 'existing');
    this.#file = opening;
    try {
      return await opening;
    } catch (error) {
      if (this.#file === opening) this.#file = undefined;
      this.#users--;
      throw error;
    }
  }

  async release(): Promise<void> {
    this.#users--;
    if (this.#users > 0 || this.#file === undefined) return;
    const file = this.#file;
    this.#file = undefined;
    await (await file).close();
  }
}
