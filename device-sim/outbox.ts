import type { Gap } from '../core/wire/index.ts';

export interface OutboxEntry {
  readonly seq: number;
  readonly payload: string;
  /** Monotonic ms of the first time that it was put on a wire; undefined as long as it never was. */
  firstSentMs: number | undefined;
  isAcknowledged: boolean;
}

/**
 * A device's readings that are not acknowledged yet, in order: first those under way on the present connection, then those
 * that wait. When the connection is lost all of them wait again, and go out once more with the same bytes.
 *
 * At the bound the oldest reading that was never put on a wire is dropped, and told as a gap. One that was under way may
 * have arrived, so declaring it lost could be untrue; there are at most a window of those.
 */
export class Outbox {
  readonly #readingsMax: number;
  readonly #boot: string;
  #entries: OutboxEntry[] = [];
  /** How many of the first entries are under way. */
  #underWay = 0;
  /**
   * Dropped ranges that are still to be declared. Two ranges that do not touch have a reading between them that was put
   * on a wire and is still here, so there are at most as many as the window has places, and one.
   */
  #gaps: Gap[] = [];

  constructor(options: { readingsMax: number; boot: string }) {
    this.#readingsMax = options.readingsMax;
    this.#boot = options.boot;
  }

  /** Readings without a PUBACK. */
  get size(): number {
    let size = 0;
    for (const entry of this.#entries) if (!entry.isAcknowledged) size++;
    return size;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Takes a reading. Returns how many were dropped for it: 0 or 1. */
  push(seq: number, payload: string): number {
    const dropped = this.#entries.length >= this.#readingsMax ? this.#dropOldest() : 0;
    this.#entries.push({ seq, payload, firstSentMs: undefined, isAcknowledged: false });
    return dropped;
  }

  /** The next reading to publish, which counts as under way from now on; undefined when all are. */
  takeNext(nowMs: number): OutboxEntry | undefined {
    const entry = this.#entries[this.#underWay];
    if (entry === undefined) return undefined;
    this.#underWay++;
    entry.firstSentMs ??= nowMs;
    return entry;
  }

  /** The broker has answered for a reading. */
  acknowledge(entry: OutboxEntry): void {
    entry.isAcknowledged = true;
    // Brokers may answer out of order; the places of the answered are freed from the front.
    let done = 0;
    while (this.#entries[done]?.isAcknowledged) done++;
    if (done === 0) return;
    this.#entries.splice(0, done);
    this.#underWay -= done;
  }

  /** The connection is lost: what was under way waits again, in order, except what was acknowledged. */
  rewind(): void {
    this.#entries = this.#entries.filter((entry) => !entry.isAcknowledged);
    this.#underWay = 0;
  }

  /** The dropped ranges to declare now. Each stays until `declared` is called with it. */
  gaps(): readonly Gap[] {
    return [...this.#gaps];
  }

  declared(gap: Gap): void {
    this.#gaps = this.#gaps.filter((pending) => pending !== gap);
  }

  #dropOldest(): number {
    const index = this.#entries.findIndex((entry) => entry.firstSentMs === undefined);
    if (index < 0) return 0;
    const { seq } = this.#entries[index] as OutboxEntry;
    this.#entries.splice(index, 1);
    const last = this.#gaps.at(-1);
    if (last !== undefined && last.toSeq + 1 === seq) this.#gaps[this.#gaps.length - 1] = { ...last, toSeq: seq };
    else this.#gaps.push({ boot: this.#boot, fromSeq: seq, toSeq: seq, cause: 'SIM_QUEUE_FULL' });
    return 1;
  }
}
