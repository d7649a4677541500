import { LatticeError } from '../errors/index.ts';
import { encodeFrame, FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from './frame.ts';
import { diskError, isDiskFull, type LogFile, type LogFs } from './fs.ts';
import type { GroupSink } from './group-commit.ts';
import type { Recovered } from './recovery.ts';
import { Segment } from './segment.ts';

const BUFFER_BYTES_MIN = 64 * 1024;

export interface StoreOptions {
  fs: LogFs;
  directory: string;
  segmentBytes: number;
  bytesMax: number;
  atBound: 'reject' | 'drop-oldest';
}

/** Who still has to read what, as the store sees it. */
export interface Readers {
  /** The lowest position that a reader has yet to read; undefined when there are no readers. */
  lowestPosition(): number | undefined;
  /**
   * Called before a segment goes: makes durable that every reader is at its end or beyond. When it goes at the bound, what
   * was not read by all (everything, if there are no readers) is recorded as dropped.
   */
  beforeDrop(fromPosition: number, toPosition: number, isAtBound: boolean): Promise<void>;
}

/** The segments of a log: writes groups to the last one, begins new ones, drops old ones. */
export class SegmentStore implements GroupSink {
  readonly #options: StoreOptions;
  readonly #readers: Readers;
  readonly #marker: number;
  readonly #foreign: Set<number>;
  readonly #segments: Segment[];
  #active: Segment | undefined;
  #file: LogFile | undefined;
  #end: number;
  #buffer = Buffer.alloc(0);
  #dropping: Promise<void> = Promise.resolve();

  /** `end` is where positions go on: behind what was recovered, or further if a reader was further already. */
  constructor(options: StoreOptions, recovered: Recovered, end: number, readers: Readers) {
    this.#options = options;
    this.#readers = readers;
    this.#marker = recovered.marker;
    this.#foreign = recovered.foreign;
    this.#segments = recovered.segments;
    this.#end = end;
    this.#active = recovered.end === end ? recovered.active : undefined;
  }

  get firstPosition(): number {
    return this.#segments[0]?.base ?? this.#end;
  }

  /** The position behind the last durable record. */
  get end(): number {
    return this.#end;
  }

  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment.bytes;
    return bytes;
  }

  /** The segment that holds the position, or else the next one. */
  segmentFor(position: number): Segment | undefined {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#segments[middle]!.base <= position) low = middle + 1;
      else high = middle;
    }
    const holding = this.#segments[low - 1];
    return holding !== undefined && position < holding.end ? holding : this.#segments[low];
  }

  async room(frameBytes: number): Promise<number> {
    const { bytesMax, segmentBytes } = this.#options;
    while (this.bytes + frameBytes + SEGMENT_HEADER_BYTES > bytesMax) await this.#makeRoom(frameBytes);
    const active = this.#active;
    const isFilled = active !== undefined && active.end > active.base && active.bytes + frameBytes > segmentBytes;
    if (active === undefined || isFilled) await this.#begin();
    else this.#file ??= await active.hold();
    return Math.min(segmentBytes - this.#active!.bytes, bytesMax - this.bytes);
  }

  async commit(records: Uint8Array[], bytes: number): Promise<number> {
    const active = this.#active!;
    const file = this.#file!;
    const first = this.#end;
    const offset = active.bytes;
    try {
      await file.writev([this.#encode(records, bytes, first)], offset);
    } catch (error) {
      // A write that syncs by itself may fail as a sync does; see below.
      if (isDiskFull(error)) await this.#undo(active, file);
      else await this.#abandon(active, file);
      throw diskError(error, `Writing ${active.path}`);
    }
    try {
      await file.datasync();
    } catch (error) {
      /*
       * After a failed fdatasync Linux marks the pages clean although they are not on disk: reads still show them, and
       * the next fdatasync reports success. So this file is never trusted again; the positions are given again in a new
       * one. (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020; PostgreSQL's fsyncgate.)
       */
      await this.#abandon(active, file);
      throw diskError(error, `Syncing ${active.path}`);
    }
    let at = offset;
    for (let index = 0; index < records.length; index++) {
      const length = FRAME_HEADER_BYTES + records[index]!.length;
      active.note(first + index, at, length);
      at += length;
    }
    this.#end = first + records.length;
    return first;
  }

  /** Drops whole segments that lie below the position. */
  async dropBelow(position: number): Promise<void> {
    while ((this.#segments[1]?.base ?? Number.POSITIVE_INFINITY) <= position) await this.#dropFirst(false);
  }

  async close(): Promise<void> {
    await this.#dropping.catch(() => {});
    if (this.#file !== undefined) await this.#active?.release();
    this.#file = undefined;
    this.#active = undefined;
  }

  /** Drops the oldest segment if the bound's policy allows it. Rejects with LOG_FULL. */
  async #makeRoom(frameBytes: number): Promise<void> {
    const [oldest, second] = this.#segments;
    const end = second?.base ?? this.#end;
    const isRead = (this.#readers.lowestPosition() ?? 0) >= end;
    const isEmpty = oldest === undefined || (second === undefined && oldest.end === oldest.base);
    if (isEmpty || (!isRead && this.#options.atBound === 'reject')) {
      throw new LatticeError('LOG_FULL', `${frameBytes} bytes more than ${this.#options.bytesMax} are not allowed.`);
    }
    // The last segment also says which position is next, so another one must be durable before it goes.
    if (second === undefined) await this.#begin();
    await this.#dropFirst(true);
  }

  async #begin(): Promise<void> {
    const { fs, directory } = this.#options;
    try {
      if (this.#foreign.has(this.#end)) {
        const { path } = new Segment(fs, directory, this.#end, this.#marker);
        await fs.rename(path, `${path}.set-aside`);
        this.#foreign.delete(this.#end);
      }
      const created = await Segment.create(fs, directory, this.#end, this.#marker);
      const file = await created.hold();
      if (this.#file !== undefined) await this.#active?.release();
      // One of the same name had no durable record, and its file is now this one's.
      if (this.#segments.at(-1)?.base === created.base) this.#segments.pop();
      this.#segments.push(created);
      this.#active = created;
      this.#file = file;
    } catch (error) {
      throw diskError(error, `Beginning a segment in ${directory}`);
    }
  }

  /** Cuts off what a failed write may have left, and syncs, so that a refused record does not come back after a crash. */
  async #undo(active: Segment, file: LogFile): Promise<void> {
    try {
      await file.truncate(active.bytes);
      await file.datasync();
    } catch {
      await this.#abandon(active, file);
    }
  }

  async #abandon(active: Segment, file: LogFile): Promise<void> {
    this.#active = undefined;
    this.#file = undefined;
    // Only to save the space and the doubt: recovery lets the next segment's positions win either way.
    await file.truncate(active.bytes).catch(() => {});
    await active.release().catch(() => {});
  }

  /** One at a time, oldest first, so that a crash in between leaves no hole. */
  #dropFirst(isAtBound: boolean): Promise<void> {
    const dropped = this.#dropping.then(async () => {
      const [segment, next] = this.#segments;
      if (segment === undefined || next === undefined) return;
      await this.#readers.beforeDrop(segment.base, next.base, isAtBound);
      this.#segments.shift();
      segment.isDropped = true;
      try {
        await this.#options.fs.unlink(segment.path);
        await this.#options.fs.syncDirectory(this.#options.directory);
      } catch (error) {
        // Left out here and still on disk, it would be followed by a hole when the log is opened again.
        segment.isDropped = false;
        this.#segments.unshift(segment);
        throw diskError(error, `Dropping ${segment.path}`);
      }
    });
    this.#dropping = dropped.catch(() => {});
    return dropped;
  }

  #encode(records: Uint8Array[], bytes: number, first: number): Buffer {
    if (this.#buffer.length < bytes) this.#buffer = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES_MIN, bytes));
    let offset = 0;
    for (let index = 0; index < records.length; index++) {
      offset = encodeFrame(this.#buffer, offset, this.#active!.marker, first + index, records[index]!);
    }
    return this.#buffer.subarray(0, offset);
  }
}
