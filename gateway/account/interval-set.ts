/**
 * A set of whole numbers kept as ranges, both ends included, in order and apart: [[1, 500], [503, 900]].
 * Sequence numbers mostly come in order, so a set of millions has one range.
 */
export class IntervalSet {
  readonly #ranges: [number, number][];
  #size: number;

  constructor(ranges: readonly (readonly [number, number])[] = []) {
    this.#ranges = ranges.map(([from, to]) => [from, to]);
    this.#size = this.#ranges.reduce((total, [from, to]) => total + to - from + 1, 0);
  }

  /** How many numbers are in the set. */
  get size(): number {
    return this.#size;
  }

  /** The greatest number; 0 when empty. */
  get max(): number {
    return this.#ranges.at(-1)?.[1] ?? 0;
  }

  get ranges(): readonly (readonly [number, number])[] {
    return this.#ranges;
  }

  has(value: number): boolean {
    const range = this.#ranges[this.#indexAtOrAfter(value)];
    return range !== undefined && range[0] <= value;
  }

  /** Adds every number from `from` to `to`, both included; returns how many were new. */
  addRange(from: number, to: number): number {
    const first = this.#indexAtOrAfter(from - 1);
    let start = from;
    let end = to;
    let merged = 0;
    let known = 0;
    for (let next = this.#ranges[first]; next !== undefined && next[0] <= to + 1; next = this.#ranges[first + merged]) {
      start = Math.min(start, next[0]);
      end = Math.max(end, next[1]);
      known += next[1] - next[0] + 1;
      merged++;
    }
    this.#ranges.splice(first, merged, [start, end]);
    const added = end - start + 1 - known;
    this.#size += added;
    return added;
  }

  /** Adds one number; false when it was there. */
  add(value: number): boolean {
    const last = this.#ranges.at(-1);
    if (last !== undefined && value === last[1] + 1) {
      last[1] = value;
      this.#size++;
      return true;
    }
    return this.addRange(value, value) === 1;
  }

  /** Takes the lowest range out; undefined when empty. */
  shiftLowest(): readonly [number, number] | undefined {
    const lowest = this.#ranges.shift();
    if (lowest !== undefined) this.#size -= lowest[1] - lowest[0] + 1;
    return lowest;
  }

  /** How many numbers of [from, to] are not in the set. */
  missingIn(from: number, to: number): number {
    let present = 0;
    for (const [start, end] of this.#ranges) {
      const low = Math.max(start, from);
      const high = Math.min(end, to);
      if (low <= high) present += high - low + 1;
    }
    return to - from + 1 - present;
  }

  /** Index of the first range whose end is at or after the value. */
  #indexAtOrAfter(value: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle] as [number, number])[1] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
