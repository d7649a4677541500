/**
 * What happened: a hash of every event, always, and lines for people when somebody reads them. Two runs with the same hash
 * did the same things at the same times.
 */
export class Trace {
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #float = new Float64Array(1);
  readonly #words = new Uint32Array(this.#float.buffer);
  #high = 0x811c_9dc5;
  #low = 0x9e37_79b9;

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine;
  }

  /** 64 bits, as 16 hexadecimal digits. */
  get hash(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }

  mark(first: number, second: number): void {
    this.#mix(first);
    this.#mix(second);
  }

  line(atMs: number, who: string, text: () => string): void {
    this.#onLine?.(`${atMs.toFixed(3).padStart(11)} ${who.padEnd(4)} ${text()}`);
  }

  /** Two multiplicative hashes over the bits of the number, each with the other's state in it. */
  #mix(value: number): void {
    this.#float[0] = value;
    this.#high = Math.imul(this.#high ^ this.#words[0]!, 0x0100_0193) ^ (this.#low >>> 15);
    this.#low = Math.imul(this.#low ^ this.#words[1]!, 0x85eb_ca6b) ^ (this.#high >>> 13);
  }
}
