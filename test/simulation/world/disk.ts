import type { Random } from '../../../core/random/index.ts';
import { Spells } from './spells.ts';
import type { DiskContents, Kept } from './types.ts';

/** How long an fsync takes: at least minMs, on average meanMs, and longer by the bytes. */
export interface DiskSpeed {
  minMs: number;
  meanMs: number;
  bytesPerMs: number;
}

/** An SSD. */
export const SSD: DiskSpeed = { minMs: 0.2, meanMs: 1, bytesPerMs: 200_000 };

type Request<Stored> = { ticket: number; bytes: number } & (
  | { kind: 'append'; value: Stored }
  | { kind: 'checkpoint'; value: Stored; firstRecord: number }
  | { kind: 'truncate'; endRecord: number }
);

export type DiskOutcome = { upTo: number; failed?: 'ENOSPC' | 'EIO' };

/**
 * The disk of one process: a log of records and one checkpoint. Requests that come while an fsync is under way share the
 * next one. The owner calls finish() when the time that begin() gave is over.
 */
export class SimDisk<Stored> {
  /** Factor on the time of an fsync; no space; errors of the device. */
  readonly slowness = new Spells();
  readonly fullness = new Spells();
  readonly errors = new Spells();
  readonly #random: Random;
  readonly #speed: DiskSpeed;
  #checkpoint: Kept<Stored> | undefined;
  #firstRecord = 0;
  #records: Kept<Stored>[] = [];
  #tickets = 0;
  #waiting: Request<Stored>[] = [];
  #syncing: Request<Stored>[] = [];

  constructor(random: Random, speed: DiskSpeed) {
    this.#random = random;
    this.#speed = speed;
  }

  /** As they are now: a copy. */
  get contents(): DiskContents<Stored> {
    return { checkpoint: this.#checkpoint, firstRecord: this.#firstRecord, records: [...this.#records] };
  }

  append(value: Stored, bytes: number): number {
    this.#tickets += 1;
    this.#waiting.push({ kind: 'append', ticket: this.#tickets, value, bytes });
    return this.#tickets;
  }

  saveCheckpoint(value: Stored, bytes: number, firstRecord: number): number {
    this.#tickets += 1;
    this.#waiting.push({ kind: 'checkpoint', ticket: this.#tickets, value, bytes, firstRecord });
    return this.#tickets;
  }

  truncate(endRecord: number): number {
    this.#tickets += 1;
    this.#waiting.push({ kind: 'truncate', ticket: this.#tickets, endRecord, bytes: 0 });
    return this.#tickets;
  }

  /** Begins an fsync of what waits; returns how many ms it takes, undefined when one is under way or nothing waits. */
  begin(): number | undefined {
    if (this.#syncing.length > 0 || this.#waiting.length === 0) return undefined;
    this.#syncing = this.#waiting;
    this.#waiting = [];
    const { minMs, meanMs, bytesPerMs } = this.#speed;
    let bytes = 0;
    for (const request of this.#syncing) bytes += request.bytes;
    const ms = minMs - Math.log(1 - this.#random.next()) * (meanMs - minMs) + bytes / bytesPerMs;
    return ms * Math.max(1, this.slowness.current);
  }

  finish(): DiskOutcome {
    const done = this.#syncing;
    this.#syncing = [];
    const upTo = done.at(-1)!.ticket;
    const failed = this.#refusalOf(done);
    if (failed !== undefined) return { upTo, failed };
    for (const request of done) this.#carryOut(request);
    return { upTo };
  }

  /** The process ends, the machine goes on: what was handed over to it reaches the disk, what waited in the process does not. */
  kill(): void {
    if (this.#refusalOf(this.#syncing) === undefined) for (const request of this.#syncing) this.#carryOut(request);
    this.#forget();
  }

  /** Of what was not synced some part is there, from the front; the record after it may be torn. A checkpoint is there whole or not at all. */
  cutPower(): void {
    const unsynced = [...this.#syncing, ...this.#waiting];
    const kept = this.#random.below(unsynced.length + 1);
    for (const request of unsynced.slice(0, kept)) this.#carryOut(request);
    const next = unsynced[kept];
    if (next?.kind === 'append' && this.#random.next() < 0.5)
      this.#records.push({ value: next.value, isIntact: false });
    this.#forget();
  }

  /** A sector rots that was synced long ago; false when there is none. */
  corrupt(what: 'record' | 'checkpoint'): boolean {
    if (what === 'checkpoint') {
      if (this.#checkpoint === undefined) return false;
      this.#checkpoint = { value: this.#checkpoint.value, isIntact: false };
      return true;
    }
    if (this.#records.length === 0) return false;
    const index = this.#random.below(this.#records.length);
    this.#records[index] = { value: this.#records[index]!.value, isIntact: false };
    return true;
  }

  /** Cutting off takes no room, so a full disk does it. */
  #refusalOf(requests: readonly Request<Stored>[]): DiskOutcome['failed'] {
    if (this.errors.current > 0) return 'EIO';
    const needsRoom = requests.some(({ kind }) => kind !== 'truncate');
    return this.fullness.current > 0 && needsRoom ? 'ENOSPC' : undefined;
  }

  #carryOut(request: Request<Stored>): void {
    switch (request.kind) {
      case 'append':
        this.#records.push({ value: request.value, isIntact: true });
        break;
      case 'checkpoint': {
        this.#checkpoint = { value: request.value, isIntact: true };
        const dropped = Math.min(Math.max(0, request.firstRecord - this.#firstRecord), this.#records.length);
        this.#records = this.#records.slice(dropped);
        this.#firstRecord += dropped;
        break;
      }
      case 'truncate':
        this.#records.length = Math.min(this.#records.length, Math.max(0, request.endRecord - this.#firstRecord));
        break;
    }
  }

  #forget(): void {
    this.#waiting = [];
    this.#syncing = [];
  }
}
