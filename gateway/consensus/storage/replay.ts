import type { Entry, HardState, Snapshot } from '../raft/index.ts';
import type { Recovered } from '../replica/index.ts';
import { damaged, type LogRecord } from './records.ts';

/**
 * Makes of the newest snapshot and the records of the log, oldest first, what a member knew when it stopped. Throws
 * RAFT_STORAGE_DAMAGED when something is missing in between: what others count on must not be forgotten silently.
 */
export class Replay {
  readonly #snapshot: Snapshot | undefined;
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #entries: Entry[] = [];

  constructor(snapshot: Snapshot | undefined) {
    this.#snapshot = snapshot;
  }

  add({ hardState, resetTo, entries }: LogRecord): void {
    this.#hardState = hardState;
    if (resetTo !== undefined) {
      if (resetTo > this.#base) throw damaged(`the snapshot up to ${resetTo} is missing`);
      this.#entries = [];
    }
    for (const entry of entries) this.#put(entry);
  }

  result(): Recovered {
    const snapshot = this.#snapshot;
    const { term, vote, commit } = this.#hardState;
    if (snapshot === undefined) return { snapshot, hardState: this.#hardState, entries: this.#checked(1) };
    const { index, term: snapshotTerm } = snapshot.metadata;
    const known = this.#entries.find((entry) => entry.index === index);
    // A power cut between a snapshot of the leader's and the record of it: what does not fit to it is void.
    if (known !== undefined && known.term !== snapshotTerm) this.#entries = [];
    this.#entries = this.#entries.filter((entry) => entry.index > index);
    const hardState =
      term < snapshotTerm
        ? { term: snapshotTerm, vote: 0, commit: index }
        : { term, vote, commit: Math.max(commit, index) };
    return { snapshot, hardState, entries: this.#checked(index + 1) };
  }

  get #base(): number {
    return this.#snapshot?.metadata.index ?? 0;
  }

  /** An entry takes the place of one with its index, and of those behind. */
  #put(entry: Entry): void {
    const first = this.#entries[0];
    if (first !== undefined && entry.index >= first.index) {
      const at = entry.index - first.index;
      if (at <= this.#entries.length) this.#entries.length = at;
      // A power cut between a snapshot of the leader's and the record of it, and the log went on behind the snapshot.
      else if (entry.index <= this.#base + 1) this.#entries = [];
      else throw damaged(`the entries before ${entry.index} are missing`);
    } else {
      this.#entries = [];
    }
    this.#entries.push(entry);
  }

  #checked(firstIndex: number): Entry[] {
    const first = this.#entries[0];
    if (first !== undefined && first.index !== firstIndex)
      throw damaged(`the entries before ${first.index} are missing`);
    const last = this.#entries.at(-1)?.index ?? firstIndex - 1;
    if (this.#hardState.commit > last)
      throw damaged(`entries up to ${this.#hardState.commit} were agreed on, and it ends at ${last}`);
    return this.#entries;
  }
}
