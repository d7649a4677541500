import { type ErrorCode, LatticeError } from '../errors/index.ts';
import { type Clock, delay } from '../time/index.ts';
import { FRAME_HEADER_BYTES } from './frame.ts';

/** One append that waits: the record, and its promise. */
export interface Entry {
  record: Uint8Array;
  resolve: (position: number) => void;
  reject: (error: unknown) => void;
}

/** Where groups go. */
export interface GroupSink {
  /** Makes room for a frame of so many bytes; resolves with the bytes that a group may have. Rejects when there is none. */
  room(frameBytes: number): Promise<number>;
  /** Writes and syncs the group; resolves with the position of its first record. Rejects: none of it is in the log. */
  commit(records: Uint8Array[], bytes: number): Promise<number>;
}

export interface GroupOptions {
  groupBytesMax: number;
  groupDelayMs: number;
  pendingBytesMax: number;
}

export interface GroupCounters {
  /** Appends that came when more than pendingBytesMax waited; they were taken, and their callers had to wait longer. */
  appendsSaturated: number;
  /** Appends that were refused since four times pendingBytesMax waited. */
  appendsRefused: number;
  groups: number;
  groupsFailed: number;
}

/** Callers that do not wait for their appends are refused at this many times pendingBytesMax. */
const REFUSE_FACTOR = 4;

/**
 * Group commit (DeWitt et al. 1984): while one group is being synced the next one gathers, so the cost of a sync is
 * shared by all records that came meanwhile. Groups are written one after the other, records in order of arrival.
 */
export class GroupCommit {
  readonly counters: GroupCounters = { appendsSaturated: 0, appendsRefused: 0, groups: 0, groupsFailed: 0 };
  readonly #sink: GroupSink;
  readonly #options: GroupOptions;
  readonly #clock: Clock;
  #queue: Entry[] = [];
  #head = 0;
  #pendingBytes = 0;
  #running: Promise<void> | undefined;
  #gathering: AbortController | undefined;
  #isClosed = false;

  constructor(sink: GroupSink, options: GroupOptions, clock: Clock) {
    this.#sink = sink;
    this.#options = options;
    this.#clock = clock;
  }

  /** Records that are not synced yet. */
  get pendingRecords(): number {
    return this.#queue.length - this.#head;
  }

  /** Bytes of records and their frames that are not synced yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  append(record: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#pendingBytes >= this.#options.pendingBytesMax && !this.#admit(reject)) return;
      this.#pendingBytes += FRAME_HEADER_BYTES + record.length;
      this.#queue.push({ record, resolve, reject });
      if (this.#running === undefined) this.#running = this.#run();
      else if (this.#pendingBytes >= this.#options.groupBytesMax) this.#gathering?.abort();
    });
  }

  /** Resolves when all that waits now is settled. */
  async drain(): Promise<void> {
    this.#isClosed = true;
    this.#gathering?.abort();
    await this.#running;
  }

  #admit(reject: (error: unknown) => void): boolean {
    if (this.#pendingBytes < REFUSE_FACTOR * this.#options.pendingBytesMax) {
      this.counters.appendsSaturated++;
      return true;
    }
    this.counters.appendsRefused++;
    reject(new LatticeError('LOG_FULL', `${this.#pendingBytes} bytes wait for the disk.`));
    return false;
  }

  async #run(): Promise<void> {
    // Lets what is appended in this turn of the event loop into the first group.
    await Promise.resolve();
    while (this.pendingRecords > 0) {
      if (this.#options.groupDelayMs > 0 && !this.#isClosed && this.#pendingBytes < this.#options.groupBytesMax) {
        this.#gathering = new AbortController();
        await delay(this.#clock, this.#options.groupDelayMs, this.#gathering.signal);
        this.#gathering = undefined;
      }
      await this.#commitOne();
    }
    this.#running = undefined;
  }

  async #commitOne(): Promise<void> {
    let taken: Entry[] = [];
    let bytes = 0;
    try {
      const room = await this.#sink.room(FRAME_HEADER_BYTES + this.#queue[this.#head]!.record.length);
      taken = this.#peek(Math.min(room, this.#options.groupBytesMax));
      bytes = bytesOf(taken);
      const records = taken.map((entry) => entry.record);
      const first = await this.#sink.commit(records, bytes);
      this.#drop(taken.length, bytes);
      this.counters.groups++;
      for (let index = 0; index < taken.length; index++) taken[index]!.resolve(first + index);
    } catch (error) {
      if (taken.length === 0) taken = this.#peek(isRefusal(error, 'LOG_FULL') ? 0 : this.#options.groupBytesMax);
      this.#drop(taken.length, bytesOf(taken));
      this.counters.groupsFailed++;
      for (const entry of taken) entry.reject(error);
    }
  }

  /** The first entries of the queue that fit into the bytes, at least one. */
  #peek(bytesMax: number): Entry[] {
    let end = this.#head;
    let bytes = 0;
    while (end < this.#queue.length) {
      bytes += FRAME_HEADER_BYTES + this.#queue[end]!.record.length;
      if (bytes > bytesMax && end > this.#head) break;
      end++;
    }
    return this.#queue.slice(this.#head, end);
  }

  #drop(count: number, bytes: number): void {
    this.#head += count;
    this.#pendingBytes -= bytes;
    // Moving the rest down at half is linear in all; shifting each time would not be.
    if (this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}

function bytesOf(entries: Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += FRAME_HEADER_BYTES + entry.record.length;
  return bytes;
}

function isRefusal(error: unknown, code: ErrorCode): boolean {
  return error instanceof LatticeError && error.code === code;
}
