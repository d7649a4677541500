import { join } from 'node:path';
import { type LogFs, nodeLogFs, openLog, type SegmentedLog } from '../../../core/log/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import type { Entry, HardState, Snapshot } from '../raft/index.ts';
import type { PersistBatch, Recovered } from '../replica/index.ts';
import { damaged, decodeRecord, encodeRecord, type LogRecord } from './records.ts';
import { Replay } from './replay.ts';
import { readSnapshotFile, writeSnapshotFile } from './snapshot-file.ts';

const MIB = 1024 * 1024;
const SEGMENT_BYTES = 4 * MIB;
const LOG_BYTES_MAX = 512 * MIB;
const RECORD_BYTES_MAX = 64 * MIB;
/** Entries of one record; more are written as several. */
const RECORD_ENTRY_BYTES = MIB;
const READ_BYTES = 4 * MIB;
const NOTHING: HardState = { term: 0, vote: 0, commit: 0 };

/** What a member of a Raft group has on disk: the newest snapshot and the log behind it. */
export interface RaftStorage {
  /** What was found at opening. */
  readonly recovered: Recovered;
  /** Nothing was found: this member has never been part of the group, or has lost its disk. */
  readonly isNew: boolean;
  /**
   * Resolves once the batch is on disk. One at a time: one that was refused (DISK_FULL, LOG_FULL, DISK_FAILED) has to be written
   * before what follows it.
   */
  persist(batch: PersistBatch): Promise<void>;
  /** Writes a snapshot of the present state, and drops the log below it; also while a batch is being written. */
  checkpoint(snapshot: Snapshot): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens what is in the folder. Rejects with RAFT_STORAGE_DAMAGED when others may count on something that is not there any more;
 * a write that was torn by a crash is none of that, since nothing was sent that hung on it.
 */
export async function openRaftStorage(directory: string, deps: { clock: Clock; fs?: LogFs }): Promise<RaftStorage> {
  const { clock, fs = nodeLogFs } = deps;
  await fs.makeDirectory(directory);
  const options = { directory: join(directory, 'log'), segmentBytes: SEGMENT_BYTES, bytesMax: LOG_BYTES_MAX };
  const log = await openLog({ ...options, recordBytesMax: RECORD_BYTES_MAX }, { clock, fs });
  try {
    const [gap] = log.gaps;
    if (gap !== undefined) throw damaged(`records ${gap.fromPosition} to ${gap.toPosition} are lost`);
    const snapshot = await readSnapshotFile(fs, directory);
    const replay = new Replay(snapshot);
    const ends: RecordEnd[] = [];
    for (let position = log.firstPosition; position < log.durablePosition; ) {
      for (const read of await log.read(position, READ_BYTES)) {
        const record = decodeRecord(read.payload);
        replay.add(record);
        ends.push({ position: read.position, lastIndex: record.entries.at(-1)?.index ?? 0 });
        position = read.position + 1;
      }
      if (log.gaps.length > 0) throw damaged('a record cannot be read');
    }
    const recovered = replay.result();
    if (snapshot !== undefined && ends.length === 0) throw damaged('there is a snapshot, and no record beside it');
    const isNew = snapshot === undefined && recovered.hardState.term === 0 && recovered.entries.length === 0;
    return new DiskStorage({ fs, directory, log }, { recovered, isNew }, ends);
  } catch (error) {
    await log.close();
    throw error;
  }
}

interface RecordEnd {
  position: number;
  lastIndex: number;
}

class DiskStorage implements RaftStorage {
  readonly recovered: Recovered;
  readonly isNew: boolean;
  readonly #fs: LogFs;
  readonly #directory: string;
  readonly #log: SegmentedLog;
  readonly #ends: RecordEnd[];
  /**
   * The newest that was asked to be written. A checkpoint that is written beside a batch ends up behind it, and what stands last holds:
   * with an older vote it would undo that of the batch.
   */
  #hardState: HardState;
  /** The newest commit index whose entries are all there. */
  #commit: number;
  #snapshotIndex: number;
  #snapshotWritten: Promise<void> = Promise.resolve();

  constructor(
    disk: { fs: LogFs; directory: string; log: SegmentedLog },
    found: { recovered: Recovered; isNew: boolean },
    ends: RecordEnd[],
  ) {
    this.#fs = disk.fs;
    this.#directory = disk.directory;
    this.#log = disk.log;
    this.recovered = found.recovered;
    this.isNew = found.isNew;
    this.#hardState = found.recovered.hardState;
    this.#commit = this.#hardState.commit;
    this.#ends = ends;
    this.#snapshotIndex = found.recovered.snapshot?.metadata.index ?? 0;
  }

  async persist({ hardState, entries, snapshot }: PersistBatch): Promise<void> {
    const after = hardState ?? this.#hardState;
    this.#hardState = after;
    if (snapshot !== undefined) {
      // So that a snapshot without any log is known for what it is: a log that was lost, and the votes with it.
      if (this.#ends.length === 0) await this.#append({ hardState: NOTHING, resetTo: undefined, entries: [] });
      await this.#writeSnapshot(snapshot);
    }
    const runs = inRuns(entries);
    for (const [nth, run] of runs.entries()) {
      // The term goes first, since an entry must not be there without the term that it was taken in; the commit index last, since
      // it must not be there without the entries.
      const isLast = nth === runs.length - 1;
      const state = isLast ? after : { ...after, commit: this.#commit };
      await this.#append({ hardState: state, resetTo: nth === 0 ? snapshot?.metadata.index : undefined, entries: run });
    }
    this.#commit = after.commit;
    if (snapshot !== undefined) await this.#trim(snapshot.metadata.index);
  }

  async checkpoint(snapshot: Snapshot): Promise<void> {
    await this.#writeSnapshot(snapshot);
    // The vote must not go with the records that are dropped.
    const hardState = { ...this.#hardState, commit: snapshot.metadata.index };
    await this.#append({ hardState, resetTo: undefined, entries: [] });
    await this.#trim(snapshot.metadata.index);
  }

  async close(): Promise<void> {
    await this.#snapshotWritten;
    await this.#log.close();
  }

  /** One at a time; an older one does not take the place of a newer one. */
  #writeSnapshot(snapshot: Snapshot): Promise<void> {
    const written = this.#snapshotWritten.then(async () => {
      if (snapshot.metadata.index <= this.#snapshotIndex) return;
      await writeSnapshotFile(this.#fs, this.#directory, snapshot);
      this.#snapshotIndex = snapshot.metadata.index;
    });
    this.#snapshotWritten = written.catch(() => {});
    return written;
  }

  async #append(record: LogRecord): Promise<void> {
    const position = await this.#log.append(encodeRecord(record));
    this.#ends.push({ position, lastIndex: record.entries.at(-1)?.index ?? 0 });
  }

  /** Drops the records that hold nothing above the index. */
  async #trim(index: number): Promise<void> {
    const needed = this.#ends.findIndex(({ lastIndex }) => lastIndex > index);
    const count = needed === -1 ? this.#ends.length - 1 : needed;
    if (count <= 0) return;
    this.#ends.splice(0, count);
    await this.#log.trim(this.#ends[0]!.position);
  }
}

/** In runs of a bounded size, at least one. */
function inRuns(entries: readonly Entry[]): Entry[][] {
  const runs: Entry[][] = [[]];
  let bytes = 0;
  for (const entry of entries) {
    if (bytes > 0 && bytes + entry.data.length > RECORD_ENTRY_BYTES) {
      runs.push([]);
      bytes = 0;
    }
    runs.at(-1)!.push(entry);
    bytes += entry.data.length;
  }
  return runs;
}
