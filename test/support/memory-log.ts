import type { DurableLog, LogCursor, LogRecord } from '../../core/log/index.ts';

/** A DurableLog in memory whose syncs can be held back or made to fail, to see what waits for them. */
export class MemoryLog implements DurableLog {
  readonly firstPosition = 0;
  readonly gaps = [];
  readonly isTailCut = false;
  #records: Uint8Array[] = [];
  #durable = 0;
  #held: { settle: () => void; fail: (error: unknown) => void }[] = [];
  #waiters = new Set<() => void>();
  isHeld = false;
  failure: unknown;

  get nextPosition(): number {
    return this.#records.length;
  }

  get durablePosition(): number {
    return this.#durable;
  }

  get bytes(): number {
    return this.#records.reduce((total, record) => total + record.byteLength, 0);
  }

  append(record: Uint8Array): Promise<number> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        const position = this.#records.push(record) - 1;
        this.#durable = this.#records.length;
        resolve(position);
        for (const wake of [...this.#waiters]) wake();
      };
      if (this.isHeld) this.#held.push({ settle, fail: reject });
      else settle();
    });
  }

  /** Lets every append through that was held back. */
  release(): void {
    this.isHeld = false;
    for (const { settle } of this.#held.splice(0)) settle();
  }

  /** Fails every append that was held back. */
  fail(error: unknown): void {
    for (const { fail } of this.#held.splice(0)) fail(error);
  }

  async read(fromPosition: number, bytesMax: number): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    let bytes = 0;
    for (let position = fromPosition; position < this.#durable; position++) {
      const payload = this.#records[position] as Uint8Array;
      bytes += payload.byteLength;
      if (records.length > 0 && bytes > bytesMax) break;
      records.push({ position, payload });
    }
    return records;
  }

  waitBeyond(position: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        if (this.#durable <= position && !signal?.aborted) return;
        this.#waiters.delete(wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
      wake();
    });
  }

  cursor(): Promise<LogCursor> {
    throw new Error('MemoryLog has no cursors');
  }

  cursorNames(): string[] {
    return [];
  }

  async removeCursor(): Promise<void> {}
  async trim(): Promise<void> {}
  async close(): Promise<void> {}
}
