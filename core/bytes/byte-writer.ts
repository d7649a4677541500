/** Bytes that a varint takes at most. */
const VARINT_BYTES_MAX = 8;
const BYTES_MIN = 256;

/** Writes fields one after the other into a buffer that grows and is used again. The counterpart of ByteReader. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(BYTES_MIN);
  #at = 0;

  get at(): number {
    return this.#at;
  }

  /** Begins anew, behind `at` bytes that the caller writes later. */
  reset(at = 0): void {
    this.#reserve(at - this.#at);
    this.#at = at;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at++] = value;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(VARINT_BYTES_MAX);
    const buffer = this.#buffer;
    let at = this.#at;
    let rest = value;
    while (rest > 0x7f) {
      // `&` takes the low 32 bits of whatever number; the division is exact below 2^53.
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    buffer[at++] = rest;
    this.#at = at;
  }

  finite(value: number): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeDoubleBE(value, this.#at);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  /** Bytes behind a varint of their number. */
  sized(value: Uint8Array): void {
    this.varint(value.length);
    this.bytes(value);
  }

  /** Items behind a varint of their number. */
  list<T>(items: readonly T[], writeItem: (writer: this, item: T) => void): void {
    this.varint(items.length);
    for (const item of items) writeItem(this, item);
  }

  /** UTF-8 behind a varint of its bytes. Returns these bytes. */
  text(value: string): number {
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#reserve(length);
    this.#at += this.#buffer.write(value, this.#at);
    return length;
  }

  /** What was written so far: a view, good until the next write. */
  written(from = 0): Buffer {
    return this.#buffer.subarray(from, this.#at);
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}
