import { linkProtocolError } from './protocol.ts';

/**
 * What crosses a link: frames of `u32 length, u8 kind, body`, big-endian, the length without its own four bytes.
 *
 * Control frames are JSON, checked by a schema (control.ts); all others are binary, decoded by hand with every bound checked.
 */

/** A frame holds at least one message of any size that a broker takes. */
export const FRAME_BYTES_MAX = 4 * 1024 * 1024;
/** Before the other end has shown that it knows the key. */
export const HANDSHAKE_FRAME_BYTES_MAX = 4 * 1024;
/** The length and the kind in front of a body. */
export const FRAME_HEADER_BYTES = 5;

const PARTIAL_BYTES_MIN = 256;

export const FRAME_KINDS = {
  control: 1,
  data: 2,
  ack: 3,
  credit: 4,
  datagram: 5,
  digest: 6,
  keys: 7,
  entries: 8,
} as const;
export type FrameKind = keyof typeof FRAME_KINDS;
const KIND_OF_BYTE = new Map<number, FrameKind>(
  Object.entries(FRAME_KINDS).map(([kind, byte]) => [byte, kind as FrameKind]),
);

export interface Frame {
  kind: FrameKind;
  body: Buffer;
}

export function encodeFrame(kind: FrameKind, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length);
  writeFrameHeader(frame, kind);
  frame.set(body, FRAME_HEADER_BYTES);
  return frame;
}

/** Writes the header of a frame that fills the whole buffer. */
export function writeFrameHeader(frame: Buffer, kind: FrameKind): void {
  frame.writeUInt32BE(frame.length - 4, 0);
  frame[4] = FRAME_KINDS[kind];
}

/**
 * Cuts a byte stream into frames. Memory follows the bytes that came, not the length that a header announces; a frame that
 * lies whole in a chunk is a view of it.
 */
export class FrameReader {
  /** Raised once the other end is known. */
  frameBytesMax = HANDSHAKE_FRAME_BYTES_MAX;
  #partial: Buffer = Buffer.alloc(0);
  #partialBytes = 0;

  /** The frames that the chunk completes, one at a time, so that the limit may change between two. Throws LINK_PROTOCOL. */
  *feed(chunk: Buffer): Generator<Frame> {
    let at = 0;
    while (this.#partialBytes > 0 && at < chunk.length) {
      const wanted = this.#partialBytes < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : this.#frameBytes(this.#partial, 0);
      const end = Math.min(chunk.length, at + wanted - this.#partialBytes);
      this.#keep(chunk, at, end);
      at = end;
      if (this.#partialBytes < FRAME_HEADER_BYTES || this.#partialBytes < this.#frameBytes(this.#partial, 0)) continue;
      const whole = this.#partial.subarray(0, this.#partialBytes);
      this.#partial = Buffer.alloc(0);
      this.#partialBytes = 0;
      yield frameOf(whole);
    }
    while (at + FRAME_HEADER_BYTES <= chunk.length) {
      const end = at + this.#frameBytes(chunk, at);
      if (end > chunk.length) break;
      const whole = chunk.subarray(at, end);
      at = end;
      yield frameOf(whole);
    }
    if (at < chunk.length) this.#keep(chunk, at, chunk.length);
  }

  #frameBytes(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at);
    if (length === 0 || length > this.frameBytesMax) {
      throw linkProtocolError(`A frame of ${length} bytes; 1 to ${this.frameBytesMax} are allowed.`);
    }
    return 4 + length;
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

function frameOf(bytes: Buffer): Frame {
  const kind = KIND_OF_BYTE.get(bytes[4] as number);
  if (kind === undefined) throw linkProtocolError(`An unknown kind of frame, ${bytes[4]}.`);
  return { kind, body: bytes.subarray(FRAME_HEADER_BYTES) };
}
