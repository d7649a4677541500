const MARKS_MAX = 512;
/** Marks may be apart by this share of their age. */
const RESOLUTION = 1 / 16;

/** The journal ended at a position from one monotonic time to another. */
interface Mark {
  fromMs: number;
  untilMs: number;
  position: number;
}

/**
 * Remembers where the journal ended at which time: dense for what is new, sparse for what is old, so that a week takes a few
 * hundred marks and the age of a record is known within a sixteenth.
 */
export class AgeMarks {
  readonly #ageMsMax: number;
  #marks: Mark[] = [];

  constructor(ageMsMax: number) {
    this.#ageMsMax = ageMsMax;
  }

  note(nowMs: number, position: number): void {
    const last = this.#marks.at(-1);
    if (last?.position === position) {
      last.untilMs = nowMs;
      return;
    }
    this.#marks.push({ fromMs: nowMs, untilMs: nowMs, position });
    if (this.#marks.length > MARKS_MAX) this.#thinOut(nowMs);
  }

  /** Everything below this position is older than the bound; undefined when that is known of nothing. */
  expired(nowMs: number): number | undefined {
    let expired: number | undefined;
    while (this.#marks.length > 0 && nowMs - (this.#marks[0]?.fromMs ?? nowMs) > this.#ageMsMax) {
      expired = this.#marks.shift()?.position;
    }
    return expired;
  }

  /** The age that the record at a position has at most, ms; of one from before the first mark, the age that it has at least. */
  ageMs(nowMs: number, position: number): number {
    const written = this.#marks.findLast((mark) => mark.position <= position);
    const sinceMs = written === undefined ? this.#marks[0]?.fromMs : written.untilMs;
    return sinceMs === undefined ? 0 : Math.max(0, nowMs - sinceMs);
  }

  #thinOut(nowMs: number): void {
    const kept: Mark[] = [];
    this.#marks.forEach((mark, index) => {
      const [before, after] = [kept.at(-1), this.#marks[index + 1]];
      const isNeeded =
        before === undefined ||
        after === undefined ||
        after.fromMs - before.untilMs > (nowMs - after.fromMs) * RESOLUTION;
      if (isNeeded) kept.push(mark);
    });
    this.#marks = kept;
  }
}
