import { join } from 'node:path';
import { LatticeError } from '../errors/index.ts';
import { type Random, systemRandom } from '../random/index.ts';
import type { Clock } from '../time/index.ts';
import { CursorSet } from './cursor-set.ts';
import { END_MARK_FILE, mayLackTail, readEndMark, writeEndMark } from './end-mark.ts';
import { diskError, type LogFs } from './fs.ts';
import type { Gaps } from './gaps.ts';
import { GroupCommit, type GroupCounters } from './group-commit.ts';
import { nodeLogFs } from './node-fs.ts';
import { ReadBatch, readSegment } from './reader.ts';
import { recover } from './recovery.ts';
import { SegmentStore } from './store.ts';
import type { DurableLog, LogCursor, LogGap, LogOptions, LogRecord } from './types.ts';
import { Waiters } from './waiters.ts';

const MIB = 1024 * 1024;
/** Recovery reads a segment as a whole, so its size bounds the memory that opening takes. */
const SEGMENT_BYTES_MAX = 256 * MIB;
const GROUP_BYTES_MAX = MIB;

export interface LogDeps {
  clock: Clock;
  /** Default: the real disk. */
  fs?: LogFs;
  /** Where a new log's frame marker comes from. Default: unpredictable. */
  random?: Random;
}

/**
 * Opens the log in the folder, whatever state a crash or a damaged disk has left it in; what is lost is in `gaps`.
 * Rejects with DATA_LOCKED when another process has it open, and with DISK_FULL or DISK_FAILED when the folder cannot be
 * used at all.
 */
export async function openLog(options: LogOptions, deps: LogDeps): Promise<SegmentedLog> {
  const { fs = nodeLogFs, clock, random = systemRandom() } = deps;
  const { directory } = options;
  try {
    await fs.makeDirectory(directory);
    const unlock = await fs.lock(directory);
    try {
      const recovered = await recover(fs, directory, random);
      const first = recovered.segments[0]?.base ?? 0;
      const cursors = await CursorSet.open({ fs, directory, clock }, first, recovered.gaps);
      const mark = await readEndMark(fs, directory);
      const machineBoot = await fs.machineBoot();
      // A reader that was further than what is left has read records that are gone. Positions go on behind those, or it
      // would take new records for old ones. The mark too says what was certainly there.
      const end = Math.max(recovered.end, mark?.end ?? 0, cursors.highestPosition() ?? 0);
      const isNew = recovered.segments.length === 0 && mark === undefined && end === 0;
      const isTailCut =
        !isNew && (recovered.isTailCut || end > recovered.end || mayLackTail(mark, recovered.end, machineBoot));
      recovered.gaps.add({ fromPosition: recovered.end, toPosition: end - 1, cause: 'damaged' });
      const bytesMax = options.bytesMax ?? 1024 * MIB;
      const segmentBytes = Math.min(options.segmentBytes ?? 16 * MIB, bytesMax / 2, SEGMENT_BYTES_MAX);
      const atBound = options.atBound ?? 'reject';
      const store = new SegmentStore({ fs, directory, segmentBytes, bytesMax, atBound }, recovered, end, cursors);
      await markOpen(fs, directory, { end, machineBoot });
      const close = async (): Promise<void> => {
        // Without it the next opening is only less sure of what it finds.
        await writeEndMark(fs, directory, { state: 'closed', end: store.end, machineBoot }).catch(() => {});
        await unlock();
      };
      return new SegmentedLog(options, clock, store, cursors, { gaps: recovered.gaps, isTailCut }, close);
    } catch (error) {
      await unlock().catch(() => {});
      throw error;
    }
  } catch (error) {
    throw diskError(error, `Opening the log in ${directory}`);
  }
}

/** From now on the log is no longer as it was closed. A full disk must not keep it from opening. */
async function markOpen(fs: LogFs, directory: string, at: { end: number; machineBoot: string }): Promise<void> {
  try {
    await writeEndMark(fs, directory, { state: 'open', ...at });
  } catch {
    // An old mark of a clean close would vouch for what comes now.
    await fs.unlink(join(directory, END_MARK_FILE)).catch(() => {});
  }
}

export class SegmentedLog implements DurableLog {
  readonly isTailCut: boolean;
  readonly #store: SegmentStore;
  readonly #cursors: CursorSet;
  readonly #gaps: Gaps;
  readonly #groups: GroupCommit;
  readonly #waiters = new Waiters();
  readonly #recordBytesMax: number;
  readonly #release: () => Promise<void>;
  #closing: Promise<void> | undefined;

  /** Use openLog. */
  constructor(
    options: LogOptions,
    clock: Clock,
    store: SegmentStore,
    cursors: CursorSet,
    found: { gaps: Gaps; isTailCut: boolean },
    release: () => Promise<void>,
  ) {
    this.#store = store;
    this.#cursors = cursors;
    this.#gaps = found.gaps;
    this.isTailCut = found.isTailCut;
    this.#release = release;
    this.#recordBytesMax = options.recordBytesMax ?? MIB;
    const { groupDelayMs = 0, pendingBytesMax = 32 * MIB } = options;
    const commit = async (records: Uint8Array[], bytes: number): Promise<number> => {
      const startMs = clock.monotonicMs();
      const first = await store.commit(records, bytes);
      this.#waiters.wake(store.end);
      const group = { records: records.length, bytes, tookMs: clock.monotonicMs() - startMs };
      // The group is durable by now: a listener that throws must not make it look refused.
      if (options.onGroup !== undefined) queueMicrotask(() => options.onGroup?.(group));
      return first;
    };
    const sink = { room: (frameBytes: number) => store.room(frameBytes), commit };
    this.#groups = new GroupCommit(sink, { groupBytesMax: GROUP_BYTES_MAX, groupDelayMs, pendingBytesMax }, clock);
    cursors.watch(() => store.end);
  }

  get firstPosition(): number {
    return this.#store.firstPosition;
  }

  get nextPosition(): number {
    return this.#store.end + this.#groups.pendingRecords;
  }

  get durablePosition(): number {
    return this.#store.end;
  }

  get bytes(): number {
    return this.#store.bytes;
  }

  get gaps(): readonly LogGap[] {
    return this.#gaps.list;
  }

  /** Bytes that wait to be synced. Callers that can slow down their sources should, well below pendingBytesMax. */
  get pendingBytes(): number {
    return this.#groups.pendingBytes;
  }

  get counters(): Readonly<GroupCounters> {
    return this.#groups.counters;
  }

  append(record: Uint8Array): Promise<number> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    if (record.length > this.#recordBytesMax) {
      const detail = `The record has ${record.length} bytes; ${this.#recordBytesMax} are allowed.`;
      return Promise.reject(new LatticeError('LOG_RECORD_TOO_LARGE', detail));
    }
    return this.#groups.append(record);
  }

  async read(fromPosition: number, bytesMax: number): Promise<LogRecord[]> {
    this.#assertOpen();
    const batch = new ReadBatch(bytesMax);
    let position = fromPosition;
    for (;;) {
      const segment = this.#store.segmentFor(position);
      if (segment === undefined) return batch.records;
      try {
        const next = await segment.use((file) => readSegment(segment, file, position, batch, this.#gaps));
        if (next === undefined) return batch.records;
        position = next;
      } catch (error) {
        if (!segment.isDropped) throw diskError(error, `Reading ${segment.path}`);
      }
    }
  }

  async waitBeyond(position: number, signal?: AbortSignal): Promise<void> {
    this.#assertOpen();
    if (this.durablePosition > position) return;
    await this.#waiters.wait(position, signal);
  }

  async cursor(name: string, newAt: 'oldest' | 'next' = 'oldest'): Promise<LogCursor> {
    this.#assertOpen();
    const startPosition = newAt === 'oldest' ? this.firstPosition : this.durablePosition;
    return this.#cursors.cursor(name, startPosition, () => this.firstPosition);
  }

  cursorNames(): string[] {
    return this.#cursors.names();
  }

  async removeCursor(name: string): Promise<void> {
    this.#assertOpen();
    await this.#cursors.remove(name);
  }

  async trim(belowPosition: number): Promise<void> {
    this.#assertOpen();
    await this.#store.dropBelow(Math.min(belowPosition, this.#cursors.lowestPosition() ?? belowPosition));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#groups.drain();
    this.#waiters.wakeAll();
    try {
      await this.#cursors.close();
    } finally {
      await this.#store.close();
      await this.#release();
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }
}

function closedError(): LatticeError {
  return new LatticeError('LOG_CLOSED', 'The log is closed.');
}
