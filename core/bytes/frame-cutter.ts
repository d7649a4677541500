const LENGTH_BYTES = 4;
const PARTIAL_BYTES_MIN = 256;

/**
 * Cuts a byte stream into frames of `u32 length, content`, big-endian, the length without its own four bytes. Memory follows
 * the bytes that came, not the length that a header announces; a frame that lies whole in a chunk is a view of it.
 */
export class FrameCutter {
  /** Content bytes; may be changed between two frames. */
  frameBytesMax: number;
  readonly #fault: (detail: string) => Error;
  #partial: Buffer = Buffer.alloc(0);
  #partialBytes = 0;

  /** `fault` makes the error that is thrown for a length of 0 or more than frameBytesMax. */
  constructor(frameBytesMax: number, fault: (detail: string) => Error) {
    this.frameBytesMax = frameBytesMax;
    this.#fault = fault;
  }

  /** The contents of the frames that the chunk completes, one at a time, so that the limit may change between two. */
  *feed(chunk: Buffer): Generator<Buffer> {
    let at = 0;
    while (this.#partialBytes > 0 && at < chunk.length) {
      const wanted = this.#partialBytes < LENGTH_BYTES ? LENGTH_BYTES : this.#frameBytes(this.#partial, 0);
      const end = Math.min(chunk.length, at + wanted - this.#partialBytes);
      this.#keep(chunk, at, end);
      at = end;
      if (this.#partialBytes < LENGTH_BYTES || this.#partialBytes < this.#frameBytes(this.#partial, 0)) continue;
      const whole = this.#partial.subarray(LENGTH_BYTES, this.#partialBytes);
      this.#partial = Buffer.alloc(0);
      this.#partialBytes = 0;
      yield whole;
    }
    while (at + LENGTH_BYTES <= chunk.length) {
      const end = at + this.#frameBytes(chunk, at);
      if (end > chunk.length) break;
      const whole = chunk.subarray(at + LENGTH_BYTES, end);
      at = end;
      yield whole;
    }
    if (at < chunk.length) this.#keep(chunk, at, chunk.length);
  }

  #frameBytes(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at);
    if (length === 0 || length > this.frameBytesMax) {
      throw this.#fault(`A frame of ${length} bytes; 1 to ${this.frameBytesMax} are allowed.`);
    }
    return LENGTH_BYTES + length;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const needed = this.#partialBytes + (end - start);
    if (this.#partial.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(PARTIAL_BYTES_MIN, 2 * this.#partial.length, needed));
      this.#partial.copy(grown, 0, 0, this.#partialBytes);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.#partialBytes, start, end);
    this.#partialBytes = needed;
  }
}
