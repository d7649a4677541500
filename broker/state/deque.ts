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

  /** Puts items in front of the first that is not to stand before them; those that are must come first. */
  insert(items: readonly T[], isBefore: (item: T) => boolean): void {
    let low = this.#head;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(this.#items[middle] as T)) low = middle + 1;
      else high = middle;
    }
    if (low === this.#items.length) {
      for (const item of items) this.#items.push(item);
      return;
    }
    this.#items = [...this.#items.slice(this.#head, low), ...items, ...this.#items.slice(low)];
    this.#head = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at] as T;
  }
}
