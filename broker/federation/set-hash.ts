/** cyrb53 (bryc, public domain): two mixed 32-bit lanes; quick, and good enough to tell sets apart that nobody forges. */
export function hash53(text: string): [low: number, high: number] {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ unit, 2_654_435_761);
    h2 = Math.imul(h2 ^ unit, 1_597_334_677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2_246_822_507) ^ Math.imul(h2 ^ (h2 >>> 13), 3_266_489_909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2_246_822_507) ^ Math.imul(h1 ^ (h1 >>> 13), 3_266_489_909);
  return [h1 >>> 0, h2 >>> 0];
}

/** A hash of a set of texts that follows its changes, whatever their order. A text is added once and removed once. */
export class SetHash {
  #xor = 0;
  #sum = 0;

  /** 16 hexadecimal digits. */
  get hex(): string {
    return [this.#xor, this.#sum].map((lane) => lane.toString(16).padStart(8, '0')).join('');
  }

  add(text: string): void {
    const [low, high] = hash53(text);
    this.#xor = (this.#xor ^ low) >>> 0;
    this.#sum = (this.#sum + high) >>> 0;
  }

  remove(text: string): void {
    const [low, high] = hash53(text);
    this.#xor = (this.#xor ^ low) >>> 0;
    this.#sum = (this.#sum - high) >>> 0;
  }

  copy(): SetHash {
    const copy = new SetHash();
    copy.#xor = this.#xor;
    copy.#sum = this.#sum;
    return copy;
  }
}
