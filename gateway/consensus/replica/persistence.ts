import { type Entry, type HardState, type MemoryStorage, type Message, NONE } from '../raft/index.ts';
import type { PersistBatch } from './types.ts';

interface Outstanding {
  message: Message;
  /** Undefined when nothing of it has to be on disk. */
  batch: PersistBatch | undefined;
}

/**
 * What Raft wants on disk, in order. The core reads its log from memory; an entry gets there when it is on disk, and the
 * messages that hang on it are handed on then.
 */
export class Persistence {
  readonly #storage: MemoryStorage;
  #outstanding: Outstanding[] = [];
  #hardState: HardState;

  constructor(storage: MemoryStorage, hardState: HardState) {
    this.#storage = storage;
    this.#hardState = hardState;
  }

  /** Takes a MsgStorageAppend; returns what has to be written. A new commit index alone need not be: it is learnt again. */
  take(message: Message): PersistBatch | undefined {
    const { term, vote, commit, entries, snapshot } = message;
    const hasHardState = term !== 0 || vote !== NONE || commit !== 0;
    const isVoteNew = hasHardState && (term !== this.#hardState.term || vote !== this.#hardState.vote);
    if (hasHardState) this.#hardState = { term, vote, commit };
    const isNeeded = isVoteNew || entries.length > 0 || snapshot !== undefined;
    const batch = isNeeded ? { hardState: this.#hardState, entries, snapshot } : undefined;
    this.#outstanding.push({ message, batch });
    return batch;
  }

  /** The oldest batch is on disk. */
  persisted(): void {
    if (this.#outstanding[0]?.batch === undefined) throw new Error('Nothing was being written.');
    this.#outstanding[0].batch = undefined;
  }

  /** Messages that nothing on disk is missing for any more, in order. */
  *done(): Generator<Message> {
    while (this.#outstanding[0] !== undefined && this.#outstanding[0].batch === undefined) {
      const [{ message }] = this.#outstanding as [Outstanding];
      this.#outstanding.shift();
      this.#mirror(message);
      yield message;
    }
  }

  #mirror({ entries, snapshot, term, vote, commit }: Message): void {
    if (snapshot !== undefined) this.#storage.applySnapshot(snapshot);
    if (entries.length > 0) this.#storage.append(entries as Entry[]);
    if (term !== 0 || vote !== NONE || commit !== 0) this.#storage.setHardState({ term, vote, commit });
  }
}
