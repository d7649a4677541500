const MARKS = 64;

/** Remembers where the journal ended at which time, roughly, to find what is older than a bound. */
export class AgeMarks {
  readonly #ageMsMax: number;
  readonly #marks: { atMs: number; position: number }[] = [];

  constructor(ageMsMax: number) {
    this.#ageMsMax = ageMsMax;
  }

  note(nowMs: number, position: number): void {
    const last = this.#marks.at(-1);
    if (last === undefined || nowMs - last.atMs >= this.#ageMsMax / MARKS) this.#marks.push({ atMs: nowMs, position });
  }

  /** Everything below this position is older than the bound; undefined when that is known of nothing. */
  expired(nowMs: number): number | undefined {
    let expired: number | undefined;
    while (this.#marks.length > 0 && nowMs - (this.#marks[0]?.atMs ?? nowMs) > this.#ageMsMax) {
      expired = this.#marks.shift()?.position;
    }
    return expired;
  }
}
