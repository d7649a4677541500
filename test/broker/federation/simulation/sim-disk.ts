import type { DurableLog, LogCursor, LogRecord } from '../../../../core/log/index.ts';
import type { Clock } from '../../../../core/time/index.ts';

const SYNC_MS = 1;

/** What survives a crash: synced records, and cursors as they were flushed. */
export class SimDisk {
  readonly records: Uint8Array[] = [];
  readonly cursors = new Map<string, number>();
  /** Positions below were dropped at the bound. */
  firstPosition = 0;
}

/** A log over a SimDisk, as one process has it open; after die() nothing of it happens any more. */
export class SimLog implements DurableLog {
  readonly gaps = [];
  readonly isTailCut = false;
  readonly #disk: SimDisk;
  readonly #clock: Clock;
  readonly #pending: { record: Uint8Array; resolve: (position: number) => void }[] = [];
  readonly #waiters = new Set<() => void>();
  #isSyncing = false;
  #isDead = false;

  constructor(disk: SimDisk, clock: Clock) {
    this.#disk = disk;
    this.#clock = clock;
  }

  get firstPosition(): number {
    return this.#disk.firstPosition;
  }

  get nextPosition(): number {
    return this.#disk.records.length + this.#pending.length;
  }

  get durablePosition(): number {
    return this.#disk.records.length;
  }

  get bytes(): number {
    return this.#disk.records.reduce((sum, { length }) => sum + length, 0);
  }

  die(): void {
    this.#isDead = true;
  }

  append(record: Uint8Array): Promise<number> {
    return new Promise((resolve) => {
      this.#pending.push({ record: Uint8Array.from(record), resolve });
      if (!this.#isSyncing) this.#sync();
    });
  }

  async read(fromPosition: number, bytesMax: number): Promise<LogRecord[]> {
    if (this.#isDead) return new Promise(() => {});
    const records: LogRecord[] = [];
    let bytes = 0;
    for (let position = Math.max(fromPosition, this.firstPosition); position < this.durablePosition; position++) {
      const payload = this.#disk.records[position] as Uint8Array;
      bytes += payload.length;
      if (records.length > 0 && bytes > bytesMax) break;
      records.push({ position, payload });
    }
    return records;
  }

  waitBeyond(position: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        if (this.durablePosition <= position && signal?.aborted !== true) return;
        this.#waiters.delete(wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
      wake();
    });
  }

  cursorNames(): string[] {
    return [...this.#disk.cursors.keys()];
  }

  async cursor(name: string, newAt: 'oldest' | 'next' = 'oldest'): Promise<LogCursor> {
    const disk = this.#disk;
    const isDead = (): boolean => this.#isDead;
    if (!disk.cursors.has(name)) disk.cursors.set(name, newAt === 'oldest' ? this.firstPosition : this.durablePosition);
    let position = disk.cursors.get(name) as number;
    return {
      name,
      get position() {
        return position;
      },
      advance: (to) => {
        if (to > this.durablePosition) throw new Error(`cursor ${name} to ${to}, beyond ${this.durablePosition}`);
        position = Math.max(position, to);
      },
      flush: async () => {
        if (!isDead()) disk.cursors.set(name, position);
      },
    };
  }

  async removeCursor(name: string): Promise<void> {
    this.#disk.cursors.delete(name);
  }

  async trim(): Promise<void> {}
  async close(): Promise<void> {}

  #sync(): void {
    this.#isSyncing = true;
    const group = this.#pending.length;
    this.#clock.setTimer(SYNC_MS, () => {
      if (this.#isDead) return;
      for (const { record, resolve } of this.#pending.splice(0, group)) resolve(this.#disk.records.push(record) - 1);
      this.#isSyncing = false;
      for (const wake of [...this.#waiters]) wake();
      if (this.#pending.length > 0) this.#sync();
    });
  }
}
