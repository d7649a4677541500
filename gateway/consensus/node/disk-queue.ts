import { codeOf } from '../../../core/errors/index.ts';
import { type Clock, delay } from '../../../core/time/index.ts';
import type { PersistBatch } from '../replica/index.ts';
import type { RaftStorage } from '../storage/index.ts';

/** A full disk is tried again after so long. */
const RETRY_MS = 250;

export interface DiskQueueOptions {
  clock: Clock;
  storage: RaftStorage;
  /** The oldest batch that was not told of yet is on disk. */
  onPersisted: () => void;
  /** The disk is full, or has room again; nothing is confirmed meanwhile. */
  onFull: (isFull: boolean, error?: unknown) => void;
  /** The disk failed for good. */
  onFailed: (error: unknown) => void;
}

/**
 * Writes batches in order. One write at a time; what comes meanwhile goes together in the next. A batch that was refused because the
 * disk is full is written before what follows it, however long that takes: the group goes on with the others' disks.
 */
export class DiskQueue {
  readonly #options: DiskQueueOptions;
  #waiting: PersistBatch[] = [];
  #isWriting = false;
  #stopped = false;
  #idle: Promise<void> = Promise.resolve();

  constructor(options: DiskQueueOptions) {
    this.#options = options;
  }

  write(batch: PersistBatch): void {
    this.#waiting.push(batch);
    if (!this.#isWriting) this.#idle = this.#writeAll();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#idle;
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0 && !this.#stopped) {
      const batches = takeTogether(this.#waiting);
      if (!(await this.#persist(together(batches)))) return;
      for (const _ of batches) this.#options.onPersisted();
    }
    this.#isWriting = false;
  }

  /** False when it never will be on disk. */
  async #persist(batch: PersistBatch): Promise<boolean> {
    const { clock, storage, onFull, onFailed } = this.#options;
    for (let tries = 0; !this.#stopped; tries++) {
      try {
        await storage.persist(batch);
        if (tries > 0) onFull(false);
        return true;
      } catch (error) {
        const code = codeOf(error);
        if (code !== 'DISK_FULL' && code !== 'LOG_FULL') {
          onFailed(error);
          return false;
        }
        if (tries === 0) onFull(true, error);
        await delay(clock, RETRY_MS);
      }
    }
    return false;
  }
}

/** Takes from the front what can be written as one: a snapshot replaces the log, so it begins a batch. */
function takeTogether(waiting: PersistBatch[]): PersistBatch[] {
  const next = waiting.findIndex(({ snapshot }, nth) => nth > 0 && snapshot !== undefined);
  return waiting.splice(0, next === -1 ? waiting.length : next);
}

/** Entries keep their order; where two have one index, the later one holds, as when they are written one batch after the other. */
function together(batches: readonly PersistBatch[]): PersistBatch {
  const [first] = batches;
  if (batches.length === 1 && first !== undefined) return first;
  return {
    snapshot: first?.snapshot,
    hardState: batches.findLast(({ hardState }) => hardState !== undefined)?.hardState,
    entries: batches.flatMap(({ entries }) => entries),
  };
}
