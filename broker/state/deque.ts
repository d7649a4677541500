/** First in, first out, in constant time: an array whose consumed front is cut off now and then. */
export class Deque<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.#head === this.#items.length) return undefined;
    this.#items[this.#head++] = undefined;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes out the first item that fits; what is looked for stands near the front as a rule. */
  take(fits: (item: T) => boolean): T | undefined {
    for (let at = this.#head; at < this.#items.length; at++) {
      const item = this.#items[at] as T;
      if (!fits(item)) continue;
      if (at === this.#head) return this.shift();
      this.#items.splice(at, 1);
      return item;
    }
    return undefined;
  }

  /** Counted from the front. */
  at(index: number): T | undefined {
    return this.#items[this.#head + index];
  }

  /** How many in front fit; none behind them may. */
  countFront(fits: (item: T) => boolean): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (fits(this.at(middle) as T)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Puts others in the place of the items at [start, end), counted from the front. */
  replace(start: number, end: number, items: readonly T[]): void {
    if (start === this.size) {
      for (const item of items) this.#items.push(item);
      return;
    }
    const all = this.#items;
    const head = this.#head;
    this.#items = [...all.slice(head, head + start), ...items, ...all.slice(head + end)];
    this.#head = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at] as T;
  }
}
