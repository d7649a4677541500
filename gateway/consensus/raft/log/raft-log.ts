import { RaftInvariantError } from '../errors.ts';
import { countWithin, entriesBytes } from '../size.ts';
import { type Entry, type Snapshot, type Storage, StorageError } from '../types.ts';
import { Unstable } from './unstable.ts';

/**
 * The log as one: what the storage holds, and after it what it has not confirmed yet (`unstable`). Always
 * applied <= applying <= committed <= lastIndex.
 */
export class RaftLog {
  readonly storage: Storage;
  readonly unstable: Unstable;
  /** Known to be on the disks of a majority. */
  committed: number;
  /** Given to the application. */
  applying: number;
  /** Confirmed by the application. */
  applied: number;
  /** Bound of what is given to the application and not confirmed, in bytes. */
  readonly #applyingBytesMax: number;
  #applyingBytes = 0;
  #applyingPaused = false;

  constructor(storage: Storage, applyingBytesMax: number) {
    this.storage = storage;
    this.#applyingBytesMax = applyingBytesMax;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    const compactedTo = storage.firstIndex() - 1;
    this.committed = compactedTo;
    this.applying = compactedTo;
    this.applied = compactedTo;
  }

  firstIndex(): number {
    return this.unstable.firstIndex() ?? this.storage.firstIndex();
  }

  lastIndex(): number {
    return this.unstable.lastIndex() ?? this.storage.lastIndex();
  }

  lastTerm(): number {
    const term = this.term(this.lastIndex());
    if (term === undefined) throw new RaftInvariantError(`the last entry, ${this.lastIndex()}, has no term`);
    return term;
  }

  /** Undefined when the index is compacted or beyond the end. The one before the first still has a term. */
  term(index: number): number | undefined {
    const unstableTerm = this.unstable.term(index);
    if (unstableTerm !== undefined) return unstableTerm;
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    try {
      return this.storage.term(index);
    } catch (error) {
      // The storage may compact between the question for its bounds and this one.
      if (isFault(error, 'compacted') || isFault(error, 'unavailable')) return undefined;
      throw error;
    }
  }

  matchTerm(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends in (term, index) is at least as complete as this one. Raft, section 5.4.1. */
  isUpToDate(index: number, term: number): boolean {
    const lastTerm = this.lastTerm();
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex());
  }

  /**
   * A follower takes entries that follow (prevTerm, prevIndex), and learns what is committed. Returns the index of the
   * last of them, or undefined when this log has no such entry to follow.
   */
  maybeAppend(prevIndex: number, prevTerm: number, entries: readonly Entry[], committed: number): number | undefined {
    if (!this.matchTerm(prevIndex, prevTerm)) return undefined;
    const lastNew = prevIndex + entries.length;
    const news = this.#findNews(entries);
    if (news < entries.length) {
      const conflict = entries[news]!.index;
      if (conflict <= this.committed) {
        throw new RaftInvariantError(`entry ${conflict} conflicts with a committed one (committed ${this.committed})`);
      }
      this.append(news === 0 ? entries : entries.slice(news));
    }
    this.commitTo(Math.min(committed, lastNew));
    return lastNew;
  }

  /** Place of the first entry that this log does not have, or has with another term; the length when it has them all. */
  #findNews(entries: readonly Entry[]): number {
    for (let at = 0; at < entries.length; at++) {
      if (!this.matchTerm(entries[at]!.index, entries[at]!.term)) return at;
    }
    return entries.length;
  }

  append(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const after = entries[0]!.index - 1;
    if (after < this.committed) {
      throw new RaftInvariantError(
        `append after ${after} would replace committed entries (committed ${this.committed})`,
      );
    }
    this.unstable.truncateAndAppend(entries);
  }

  /**
   * The greatest index up to `index` whose term is at most `term` or unknown: the best guess at where two logs part,
   * from one entry of the other. Its term is 0 when unknown.
   */
  findConflictByTerm(index: number, term: number): { index: number; term: number } {
    for (let guess = index; guess > 0; guess--) {
      const ours = this.term(guess);
      if (ours === undefined) return { index: guess, term: 0 };
      if (ours <= term) return { index: guess, term: ours };
    }
    return { index: 0, term: 0 };
  }

  /** Commits what a majority has, if its last entry is of this term: Raft, section 5.4.2 and figure 8. */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.committed || term === 0 || !this.matchTerm(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  /** Never goes back. */
  commitTo(index: number): void {
    if (index <= this.committed) return;
    if (index > this.lastIndex()) {
      throw new RaftInvariantError(
        `commit ${index} is beyond the end of the log, ${this.lastIndex()}: was the log corrupted, truncated or lost?`,
      );
    }
    this.committed = index;
  }

  /** The application has confirmed everything up to index; bytes is the size of what it confirms by that. */
  appliedTo(index: number, bytes: number): void {
    if (index > this.committed || index < this.applied) {
      throw new RaftInvariantError(`applied ${index} is out of [${this.applied}, ${this.committed}]`);
    }
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#applyingPaused = this.#applyingBytes >= this.#applyingBytesMax;
  }

  /**
   * Entries up to index have been given to the application. Pauses at the bound, and also just below it when there was
   * more to give: the next entry would not fit.
   */
  acceptApplying(index: number, bytes: number, allowUnstable: boolean): void {
    if (index > this.committed) {
      throw new RaftInvariantError(`applying ${index} is beyond the commit index, ${this.committed}`);
    }
    this.applying = index;
    this.#applyingBytes += bytes;
    this.#applyingPaused =
      this.#applyingBytes >= this.#applyingBytesMax || index < this.#appliableIndexMax(allowUnstable);
  }

  #appliableIndexMax(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  /** A snapshot goes before entries, and the bound of what is being applied may stop them. */
  hasNextCommittedEntries(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.unstable.snapshot !== undefined) return false;
    return this.applying < this.#appliableIndexMax(allowUnstable);
  }

  /** Committed entries to give to the application. Those that the storage has not confirmed only if allowUnstable. */
  nextCommittedEntries(allowUnstable: boolean): Entry[] {
    if (!this.hasNextCommittedEntries(allowUnstable)) return [];
    const low = this.applying + 1;
    const high = this.#appliableIndexMax(allowUnstable) + 1;
    const entries = this.slice(low, high, this.#applyingBytesMax - this.#applyingBytes);
    if (entries === undefined)
      throw new RaftInvariantError(`entries from ${low} were compacted before they were applied`);
    return entries;
  }

  snapshot(): Snapshot {
    return this.unstable.snapshot ?? this.storage.snapshot();
  }

  restore(snapshot: Snapshot): void {
    this.committed = snapshot.metadata.index;
    this.unstable.restore(snapshot);
  }

  /** Entries from index on, at most bytesMax but at least one. Undefined when they were compacted. */
  entries(index: number, bytesMax: number): Entry[] | undefined {
    const lastIndex = this.lastIndex();
    return index > lastIndex ? [] : this.slice(index, lastIndex + 1, bytesMax);
  }

  /** Entries of [low, high), at most bytesMax but at least one. Undefined when they were compacted. */
  slice(low: number, high: number, bytesMax: number): Entry[] | undefined {
    if (low > high || high > this.lastIndex() + 1) {
      throw new RaftInvariantError(`slice [${low}, ${high}) is out of [${this.firstIndex()}, ${this.lastIndex()}]`);
    }
    if (low < this.firstIndex()) return undefined;
    if (low === high) return [];
    const offset = this.unstable.offset;
    if (low >= offset) return limit(this.unstable.slice(low, high), bytesMax);

    const cut = Math.min(high, offset);
    const stable = this.#stableEntries(low, cut, bytesMax);
    if (stable === undefined || high <= offset || stable.length < cut - low) return stable;
    const roomBytes = bytesMax - entriesBytes(stable);
    if (roomBytes <= 0) return stable;
    const rest = limit(this.unstable.slice(offset, high), roomBytes);
    // The one entry that always passes a limit is the first of all, and that is a stable one.
    if (rest.length === 1 && entriesBytes(rest) > roomBytes) return stable;
    return stable.concat(rest);
  }

  #stableEntries(low: number, high: number, bytesMax: number): Entry[] | undefined {
    try {
      return this.storage.entries(low, high, bytesMax);
    } catch (error) {
      if (isFault(error, 'compacted')) return undefined;
      if (isFault(error, 'unavailable')) {
        throw new RaftInvariantError(`the storage does not have entries [${low}, ${high}), which it said it has`);
      }
      throw error;
    }
  }
}

function limit(entries: Entry[], bytesMax: number): Entry[] {
  const count = countWithin(entries, 0, entries.length, bytesMax);
  if (count < entries.length) entries.length = count;
  return entries;
}

function isFault(error: unknown, fault: StorageError['fault']): boolean {
  return error instanceof StorageError && error.fault === fault;
}
