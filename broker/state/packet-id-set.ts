const WORDS = 65_536 / 32;

/** A set of packet ids (1 to 65535) in constant time: one bit each, 8 KiB while it holds any. */
export class PacketIdSet {
  #words: Uint32Array | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(id: number): boolean {
    return this.#words !== undefined && ((this.#words[id >>> 5] as number) & (1 << (id & 31))) !== 0;
  }

  add(id: number): void {
    if (this.has(id)) return;
    this.#words ??= new Uint32Array(WORDS);
    this.#words[id >>> 5] = (this.#words[id >>> 5] as number) | (1 << (id & 31));
    this.#size += 1;
  }

  /** False when it was not there. */
  delete(id: number): boolean {
    if (!this.has(id)) return false;
    const words = this.#words as Uint32Array;
    words[id >>> 5] = (words[id >>> 5] as number) & ~(1 << (id & 31));
    this.#size -= 1;
    return true;
  }

  clear(): void {
    this.#words = undefined;
    this.#size = 0;
  }
}
