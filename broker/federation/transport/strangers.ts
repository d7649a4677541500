/**
 * Connections of which nobody knows yet who they are, at most so many. At the bound the newcomer takes the place of the oldest
 * from the address that has most of them: whoever opens connections and says nothing is in his own way, and not in that of a
 * broker elsewhere, which needs a moment only.
 */
export class Strangers<K, T> {
  readonly #countMax: number;
  /** The oldest first. */
  readonly #members = new Map<K, { stranger: T; address: string }>();

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Takes one in, and returns the one that is to go for it, if any. */
  add(key: K, stranger: T, address: string): T | undefined {
    const leaving = this.#members.size < this.#countMax ? undefined : this.#oldestOfMost();
    this.#members.set(key, { stranger, address });
    return leaving;
  }

  delete(key: K): void {
    this.#members.delete(key);
  }

  all(): T[] {
    return [...this.#members.values()].map(({ stranger }) => stranger);
  }

  #oldestOfMost(): T | undefined {
    const counts = new Map<string, number>();
    for (const { address } of this.#members.values()) counts.set(address, (counts.get(address) ?? 0) + 1);
    const most = Math.max(...counts.values());
    for (const [key, { stranger, address }] of this.#members) {
      if (counts.get(address) !== most) continue;
      this.#members.delete(key);
      return stranger;
    }
    return undefined;
  }
}
