import { RaftInvariantError } from '../errors.ts';
import { countWithin } from '../size.ts';
import {
  type ConfState,
  type Entry,
  type HardState,
  NONE,
  type Snapshot,
  type Storage,
  StorageError,
} from '../types.ts';

function emptySnapshot(): Snapshot {
  const confState: ConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  return { metadata: { confState, index: 0, term: 0 }, data: new Uint8Array(0) };
}

/** A Storage in memory. What is durable underneath writes through to disk first and keeps one of these for reading. */
export class MemoryStorage implements Storage {
  #hardState: HardState = { term: 0, vote: NONE, commit: 0 };
  #snapshot: Snapshot = emptySnapshot();
  /** The entry before the first: its index and term are known, itself is gone. */
  #before = { index: 0, term: 0 };
  #entries: Entry[] = [];

  initialState(): { hardState: HardState; confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState };
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** Throws StorageError: compacted when low is not there any more, unavailable when it never was. */
  entries(low: number, high: number, bytesMax: number): Entry[] {
    if (low <= this.#before.index) throw new StorageError('compacted');
    if (high > this.lastIndex() + 1) {
      throw new RaftInvariantError(`entries up to ${high} were asked of a log that ends at ${this.lastIndex()}`);
    }
    if (this.#entries.length === 0) throw new StorageError('unavailable');
    const from = low - this.#before.index - 1;
    const count = countWithin(this.#entries, from, high - this.#before.index - 1, bytesMax);
    return this.#entries.slice(from, from + count);
  }

  term(index: number): number {
    if (index < this.#before.index) throw new StorageError('compacted');
    if (index === this.#before.index) return this.#before.term;
    const entry = this.#entries[index - this.#before.index - 1];
    if (entry === undefined) throw new StorageError('unavailable');
    return entry.term;
  }

  lastIndex(): number {
    return this.#before.index + this.#entries.length;
  }

  firstIndex(): number {
    return this.#before.index + 1;
  }

  snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Replaces everything by a snapshot that was received. Throws StorageError snapshotOutOfDate for one that is not newer. */
  applySnapshot(snapshot: Snapshot): void {
    if (this.#snapshot.metadata.index >= snapshot.metadata.index) throw new StorageError('snapshotOutOfDate');
    this.#snapshot = snapshot;
    this.#before = { index: snapshot.metadata.index, term: snapshot.metadata.term };
    this.#entries = [];
  }

  /** Takes a snapshot of the application's state as of an index of the log. Throws StorageError snapshotOutOfDate. */
  createSnapshot(index: number, confState: ConfState | undefined, data: Uint8Array): Snapshot {
    if (index <= this.#snapshot.metadata.index) throw new StorageError('snapshotOutOfDate');
    if (index > this.lastIndex()) {
      throw new RaftInvariantError(`snapshot ${index} is beyond the end of the log, ${this.lastIndex()}`);
    }
    this.#snapshot = {
      metadata: { confState: confState ?? this.#snapshot.metadata.confState, index, term: this.term(index) },
      data,
    };
    return this.#snapshot;
  }

  /** Drops the entries up to and including index. Throws StorageError compacted when they are gone already. */
  compact(index: number): void {
    if (index <= this.#before.index) throw new StorageError('compacted');
    if (index > this.lastIndex()) {
      throw new RaftInvariantError(`compaction to ${index} is beyond the end of the log, ${this.lastIndex()}`);
    }
    const term = this.term(index);
    this.#entries = this.#entries.slice(index - this.#before.index);
    this.#before = { index, term };
  }

  /** Puts the entries at their indexes, replacing what is there from the first of them on. They must not leave a gap. */
  append(entries: readonly Entry[]): void {
    // What a snapshot covers by now is left out.
    const known = entries.length === 0 ? 0 : Math.max(0, this.firstIndex() - entries[0]!.index);
    if (known >= entries.length) return;
    const from = entries[known]!.index;
    if (from > this.lastIndex() + 1) {
      throw new RaftInvariantError(`missing log entries between ${this.lastIndex()} and ${from}`);
    }
    this.#entries.length = from - this.firstIndex();
    for (let at = known; at < entries.length; at++) this.#entries.push(entries[at]!);
  }
}
