/** Points that a spark line holds. */
const POINTS_MAX = 32;
const SPACING_MS_FIRST = 1_000;
const SPACING_MS_LAST = 16_000;

/**
 * A short course of one value in constant space. It starts with a point per second; whenever it is full, the spacing
 * doubles and every second point goes, until it covers some eight minutes; from there on it slides.
 */
export class Spark {
  #values: number[] = [];
  #spacingMs = SPACING_MS_FIRST;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** Times are monotonic ms. */
  add(value: number, nowMs: number): void {
    if (nowMs - this.#lastMs < this.#spacingMs) {
      this.#values[this.#values.length - 1] = value;
      return;
    }
    this.#lastMs = nowMs;
    this.#values.push(value);
    if (this.#values.length <= POINTS_MAX) return;
    if (this.#spacingMs < SPACING_MS_LAST) {
      this.#spacingMs *= 2;
      // The newest point stays, whichever parity it has.
      const parity = (this.#values.length - 1) % 2;
      this.#values = this.#values.filter((_, index) => index % 2 === parity);
    } else {
      this.#values.shift();
    }
  }

  values(): number[] {
    return [...this.#values];
  }
}
