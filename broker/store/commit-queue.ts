import type { DurableLog } from '../../core/log/index.ts';
import type { Clock } from '../../core/time/index.ts';

interface Entry {
  state: 'pending' | 'committed' | 'failed';
  position: number;
  error: unknown;
  bytes: number;
  sinceMs: number;
  onCommitted: (position: number) => void;
  onFailed: (error: unknown) => void;
}

/**
 * Makes changes durable and then visible, strictly in order: what is appended to the journal takes effect once it is
 * synced, and not before what came ahead of it. What needs no record can stand in the same line, to keep its place.
 */
export class CommitQueue {
  readonly #log: DurableLog;
  readonly #clock: Clock;
  readonly #entries: Entry[] = [];
  #head = 0;
  #bytes = 0;
  #idle: (() => void)[] = [];
  /** Told how long each record took from append to sync, in ms. */
  onCommit: (tookMs: number) => void = () => {};

  constructor(log: DurableLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Bytes that wait for their sync. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  get isIdle(): boolean {
    return this.#head === this.#entries.length;
  }

  append(record: Buffer, onCommitted: (position: number) => void, onFailed: (error: unknown) => void): void {
    const entry: Entry = {
      state: 'pending',
      position: -1,
      error: undefined,
      bytes: record.length,
      sinceMs: this.#clock.monotonicMs(),
      onCommitted,
      onFailed,
    };
    this.#entries.push(entry);
    this.#bytes += record.length;
    this.#log.append(record).then(
      (position) => {
        entry.state = 'committed';
        entry.position = position;
        this.#drain();
      },
      (error: unknown) => {
        entry.state = 'failed';
        entry.error = error;
        this.#drain();
      },
    );
  }

  /** Calls back after everything that was appended so far has taken effect; at once when there is nothing. */
  after(callback: () => void): void {
    if (this.isIdle) {
      callback();
      return;
    }
    const entry: Entry = {
      state: 'committed',
      position: -1,
      error: undefined,
      bytes: 0,
      sinceMs: 0,
      onCommitted: callback,
      onFailed: callback,
    };
    this.#entries.push(entry);
  }

  /** Resolves once nothing waits. */
  async idle(): Promise<void> {
    while (!this.isIdle) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #drain(): void {
    for (let entry = this.#entries[this.#head]; entry !== undefined; entry = this.#entries[this.#head]) {
      if (entry.state === 'pending') break;
      this.#head += 1;
      this.#bytes -= entry.bytes;
      if (entry.state === 'failed') {
        entry.onFailed(entry.error);
        continue;
      }
      if (entry.bytes > 0) this.onCommit(this.#clock.monotonicMs() - entry.sinceMs);
      entry.onCommitted(entry.position);
    }
    if (this.isIdle) {
      this.#entries.length = 0;
      this.#head = 0;
      const idle = this.#idle;
      this.#idle = [];
      for (const resolve of idle) resolve();
    } else if (this.#head > 1_024) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
