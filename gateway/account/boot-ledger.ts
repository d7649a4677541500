import { z } from 'zod';
import { IntervalSet } from './interval-set.ts';

/** Ranges kept of one life of a device. A device that skips numbers all the time must not fill the ledger. */
const RANGES_MAX = 64;

/**
 * A jump of more than this is no gap of so many readings: the gateway meets a device in the middle of its life, or the
 * device gives out other numbers. What lies between is not counted at all.
 */
const GAP_MAX = 1_000_000;

const ranges = z.array(z.tuple([z.int(), z.int()]));

export const bootSnapshotSchema = z.object({
  boot: z.string(),
  taken: ranges,
  dropped: ranges,
  floor: z.int().default(0),
  takenBelow: z.int().default(0),
  droppedBelow: z.int().default(0),
  skipped: z.int().default(0),
});
export type BootSnapshot = z.infer<typeof bootSnapshotSchema>;

export interface BootCount {
  sent: number;
  taken: number;
  dropped: number;
  missing: number;
}

/** The numbers of one life of one device: which were taken, and which were declared dropped. */
export class BootLedger {
  #taken = new IntervalSet();
  #dropped = new IntervalSet();
  /** Numbers up to here are only counted any more: the oldest holes are given up at the bound, as missing. */
  #floor = 0;
  #takenBelow = 0;
  #droppedBelow = 0;
  /** Numbers below the floor that were jumped over. */
  #skipped = 0;

  has(seq: number): boolean {
    return this.#taken.has(seq);
  }

  /** False when the number was taken before, or is too old to tell. */
  take(seq: number): boolean {
    if (seq <= this.#floor) return false;
    if (seq - this.#max() > GAP_MAX) this.#jumpTo(seq);
    const isNew = this.#taken.add(seq);
    if (this.#taken.ranges.length > RANGES_MAX) this.#raiseFloor();
    return isNew;
  }

  declareDropped(fromSeq: number, toSeq: number): void {
    const from = Math.max(fromSeq, this.#floor + 1);
    if (from > toSeq) return;
    if (from - this.#max() > GAP_MAX) this.#jumpTo(from);
    this.#dropped.addRange(from, toSeq);
    if (this.#dropped.ranges.length > RANGES_MAX) this.#foldLowestDropped();
  }

  count(): BootCount {
    const sent = this.#max() - this.#skipped;
    const taken = this.#takenBelow + this.#taken.size;
    // A reading that was declared dropped and came all the same counts as taken.
    let dropped = this.#droppedBelow;
    for (const [from, to] of this.#dropped.ranges) dropped += this.#taken.missingIn(from, to);
    return { sent, taken, dropped, missing: sent - taken - dropped };
  }

  snapshot(boot: string): BootSnapshot {
    const copy = (set: IntervalSet): [number, number][] => set.ranges.map(([from, to]) => [from, to]);
    return {
      boot,
      taken: copy(this.#taken),
      dropped: copy(this.#dropped),
      floor: this.#floor,
      takenBelow: this.#takenBelow,
      droppedBelow: this.#droppedBelow,
      skipped: this.#skipped,
    };
  }

  static restore(snapshot: BootSnapshot): BootLedger {
    const ledger = new BootLedger();
    ledger.#taken = new IntervalSet(snapshot.taken);
    ledger.#dropped = new IntervalSet(snapshot.dropped);
    ledger.#floor = snapshot.floor;
    ledger.#takenBelow = snapshot.takenBelow;
    ledger.#droppedBelow = snapshot.droppedBelow;
    ledger.#skipped = snapshot.skipped;
    return ledger;
  }

  #max(): number {
    return Math.max(this.#floor, this.#taken.max, this.#dropped.max);
  }

  /** Closes the books on everything before, and goes on with seq. */
  #jumpTo(seq: number): void {
    const { taken, dropped } = this.count();
    const max = this.#max();
    this.#taken = new IntervalSet();
    this.#dropped = new IntervalSet();
    this.#takenBelow = taken;
    this.#droppedBelow = dropped;
    this.#skipped += seq - 1 - max;
    this.#floor = seq - 1;
  }

  #raiseFloor(): void {
    const lowest = this.#taken.ranges[0];
    if (lowest === undefined) return;
    const [, floor] = lowest;
    while ((this.#dropped.ranges[0]?.[0] ?? Number.POSITIVE_INFINITY) <= floor) this.#foldLowestDropped();
    this.#taken.shiftLowest();
    this.#takenBelow += lowest[1] - lowest[0] + 1;
    this.#floor = floor;
  }

  /** Its numbers are counted from here on, and not known one by one any more. */
  #foldLowestDropped(): void {
    const lowest = this.#dropped.shiftLowest();
    if (lowest !== undefined) this.#droppedBelow += this.#taken.missingIn(lowest[0], lowest[1]);
  }
}
