import { isUtf8 } from 'node:buffer';

const TWO_POW_28 = 2 ** 28;

/**
 * Reads fields one after the other. Whatever does not fit, a field that overruns the bytes among it, throws the error that
 * `fault` makes of its description; nothing is allocated for a length that is claimed and not there.
 */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #fault: (detail: string) => Error;
  #at: number;

  constructor(bytes: Buffer, fault: (detail: string) => Error, at = 0) {
    this.#bytes = bytes;
    this.#fault = fault;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) throw this.#fault(`A flag of ${value}.`);
    return value === 1;
  }

  /** A whole number, LEB128, at most `max`, which is 2^53 - 1 when left out. */
  varint(max = Number.MAX_SAFE_INTEGER): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let value = 0;
    let byte = 0x80;
    for (let shift = 0; byte >= 0x80 && at < bytes.length && shift <= 49; shift += 7) {
      byte = bytes[at++] as number;
      // Shifts work on 32 bits only; what is above is rare.
      value = shift < 28 ? value | ((byte & 0x7f) << shift) : value + (byte & 0x7f) * 2 ** (shift - 28) * TWO_POW_28;
    }
    if (byte >= 0x80 || value > max) throw this.#fault('A number overruns its bytes or its bound.');
    this.#at = at;
    return value;
  }

  finite(): number {
    const value = this.#bytes.readDoubleBE(this.#take(8));
    if (!Number.isFinite(value)) throw this.#fault('A number that is not finite.');
    return value;
  }

  /** A view. */
  bytes(length: number): Buffer {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A view of bytes behind a varint of their number. */
  sized(bytesMax?: number): Buffer {
    return this.bytes(this.varint(bytesMax));
  }

  /** Items behind a varint of their number. The list grows as they are read: a claimed number takes no memory. */
  list<T>(readItem: (reader: this) => T): T[] {
    const count = this.varint();
    const items: T[] = [];
    for (let read = 0; read < count; read++) items.push(readItem(this));
    return items;
  }

  /** One of the values, by its place in a byte. */
  oneOf<T>(values: readonly T[]): T {
    const place = this.byte();
    const value = values[place];
    if (value === undefined) throw this.#fault(`${place} stands for nothing that is known here.`);
    return value;
  }

  /** UTF-8 behind a varint of its bytes. */
  text(bytesMax: number): string {
    const bytes = this.sized(bytesMax);
    if (!isUtf8(bytes)) throw this.#fault('A text that is not UTF-8.');
    return bytes.toString('utf8');
  }

  expectEnd(): void {
    if (this.hasMore) throw this.#fault(`${this.#bytes.length - this.#at} bytes behind the end of the content.`);
  }

  #take(bytes: number): number {
    const start = this.#at;
    if (start + bytes > this.#bytes.length) throw this.#fault('A field overruns its bytes.');
    this.#at = start + bytes;
    return start;
  }
}
