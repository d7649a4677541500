const NEWLINE = 0x0a;
/** Stands for a line beyond the limit; no text can be taken for it. */
export const TOO_LONG = Symbol('too long');

/**
 * Cuts a stream of bytes into lines. A line beyond the limit is thrown away up to its end and told as TOO_LONG, so that
 * a program that never ends its line costs no memory and the next line counts again.
 */
export class LineSplitter {
  readonly #lineBytesMax: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #isTooLong = false;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that the chunk completes. */
  push(chunk: Uint8Array): (string | typeof TOO_LONG)[] {
    const lines: (string | typeof TOO_LONG)[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#take(chunk.subarray(start, end));
      lines.push(this.#line());
      start = end + 1;
    }
    this.#take(chunk.subarray(start));
    return lines;
  }

  /** The last line, if the stream ended without a newline. */
  end(): (string | typeof TOO_LONG)[] {
    return this.#bytes === 0 && !this.#isTooLong ? [] : [this.#line()];
  }

  #take(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (this.#bytes <= this.#lineBytesMax) {
      this.#parts.push(part);
      return;
    }
    this.#isTooLong = true;
    this.#parts = [];
  }

  #line(): string | typeof TOO_LONG {
    const line = this.#isTooLong ? TOO_LONG : Buffer.concat(this.#parts).toString('utf8').trim();
    this.#parts = [];
    this.#bytes = 0;
    this.#isTooLong = false;
    return line;
  }
}
