import { RaftInvariantError } from '../errors.ts';
import type { Entry, Snapshot } from '../types.ts';

/**
 * The end of the log that the storage has not confirmed yet: entries from `offset` on, and a received snapshot that
 * comes before them. Entries below `offsetInProgress` have been given to the storage, those from it on have not.
 */
export class Unstable {
  snapshot: Snapshot | undefined;
  offset: number;
  offsetInProgress: number;
  #entries: Entry[] = [];
  #snapshotInProgress = false;

  constructor(offset: number) {
    this.offset = offset;
    this.offsetInProgress = offset;
  }

  /** How many entries the storage has not confirmed, given to it or not. */
  get length(): number {
    return this.#entries.length;
  }

  /** Index of the first entry after the snapshot; undefined without one. */
  firstIndex(): number | undefined {
    return this.snapshot === undefined ? undefined : this.snapshot.metadata.index + 1;
  }

  /** Undefined when there is neither an entry nor a snapshot. */
  lastIndex(): number | undefined {
    if (this.#entries.length > 0) return this.offset + this.#entries.length - 1;
    return this.snapshot?.metadata.index;
  }

  /** Undefined when the index is not in here. */
  term(index: number): number | undefined {
    if (index >= this.offset) return this.#entries[index - this.offset]?.term;
    return this.snapshot?.metadata.index === index ? this.snapshot.metadata.term : undefined;
  }

  hasNextEntries(): boolean {
    return this.offset + this.#entries.length > this.offsetInProgress;
  }

  /** The entries that the storage has not been given yet. */
  nextEntries(): Entry[] {
    return this.hasNextEntries() ? this.#entries.slice(this.offsetInProgress - this.offset) : [];
  }

  /** The snapshot, unless the storage has been given it. */
  nextSnapshot(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.snapshot;
  }

  /** All of it has been given to the storage. */
  acceptInProgress(): void {
    this.offsetInProgress = this.offset + this.#entries.length;
    if (this.snapshot !== undefined) this.#snapshotInProgress = true;
  }

  /**
   * The storage has confirmed what ends in (term, index). Ignored when that entry is no longer here: it was overwritten
   * while it was being written, and what overwrote it has to be confirmed for itself.
   */
  stableTo(index: number, term: number): void {
    if (index < this.offset || this.term(index) !== term) return;
    const count = index + 1 - this.offset;
    this.#entries = count === this.#entries.length ? [] : this.#entries.slice(count);
    this.offset = index + 1;
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset);
  }

  stableSnapshotTo(index: number): void {
    if (this.snapshot?.metadata.index !== index) return;
    this.snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  /** Begins anew after a received snapshot. */
  restore(snapshot: Snapshot): void {
    this.offset = snapshot.metadata.index + 1;
    this.offsetInProgress = this.offset;
    this.#entries = [];
    this.snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Puts the entries at their indexes; what was there from the first of them on goes. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0]!.index;
    if (from <= this.offset) {
      // Entries that the storage has confirmed are replaced as well, so it is given these again.
      this.offset = from;
      this.offsetInProgress = from;
      this.#entries = [];
    } else if (from < this.offset + this.#entries.length) {
      this.#entries.length = from - this.offset;
      this.offsetInProgress = Math.min(this.offsetInProgress, from);
    } else if (from > this.offset + this.#entries.length) {
      throw new RaftInvariantError(
        `unstable log ends before ${this.offset + this.#entries.length}, cannot append at ${from}`,
      );
    }
    for (let at = 0; at < entries.length; at++) this.#entries.push(entries[at]!);
  }

  /** Entries of [low, high), a copy. */
  slice(low: number, high: number): Entry[] {
    if (low > high || low < this.offset || high > this.offset + this.#entries.length) {
      throw new RaftInvariantError(
        `unstable slice [${low}, ${high}) is out of [${this.offset}, ${this.offset + this.#entries.length})`,
      );
    }
    return this.#entries.slice(low - this.offset, high - this.offset);
  }
}
