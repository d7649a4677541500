import { isUtf8 } from 'node:buffer';
import { linkProtocolError } from './protocol.ts';

const TWO_POW_28 = 2 ** 28;

/** Reads fields of a frame one after the other; a field that overruns the frame throws LINK_PROTOCOL. */
export class BodyReader {
  readonly #body: Buffer;
  #at: number;

  constructor(body: Buffer, at = 0) {
    this.#body = body;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get hasMore(): boolean {
    return this.#at < this.#body.length;
  }

  byte(): number {
    return this.#body[this.#take(1)] as number;
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) throw linkProtocolError(`A flag of ${value}.`);
    return value === 1;
  }

  /** A whole number, LEB128, at most `max`, which is 2^53 - 1 when left out. */
  varint(max = Number.MAX_SAFE_INTEGER): number {
    const body = this.#body;
    let at = this.#at;
    let value = 0;
    let byte = 0x80;
    for (let shift = 0; byte >= 0x80 && at < body.length && shift <= 49; shift += 7) {
      byte = body[at++] as number;
      // Shifts work on 32 bits only; what is above is rare.
      value = shift < 28 ? value | ((byte & 0x7f) << shift) : value + (byte & 0x7f) * 2 ** (shift - 28) * TWO_POW_28;
    }
    if (byte >= 0x80 || value > max) throw linkProtocolError('A number overruns its frame or its bound.');
    this.#at = at;
    return value;
  }

  finite(): number {
    const value = this.#body.readDoubleBE(this.#take(8));
    if (!Number.isFinite(value)) throw linkProtocolError('A stamp that is not a finite number.');
    return value;
  }

  /** A view of the body. */
  bytes(length: number): Buffer {
    const start = this.#take(length);
    return this.#body.subarray(start, start + length);
  }

  /** UTF-8 behind a varint of its bytes. */
  text(bytesMax: number): string {
    const bytes = this.bytes(this.varint(bytesMax));
    if (!isUtf8(bytes)) throw linkProtocolError('A text that is not UTF-8.');
    return bytes.toString('utf8');
  }

  expectEnd(): void {
    if (this.hasMore)
      throw linkProtocolError(`${this.#body.length - this.#at} bytes behind the end of a frame's content.`);
  }

  #take(bytes: number): number {
    const start = this.#at;
    if (start + bytes > this.#body.length) throw linkProtocolError('A field overruns its frame.');
    this.#at = start + bytes;
    return start;
  }
}
