import { FrameCutter } from '../../../core/bytes/index.ts';
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

/** Cuts a byte stream into frames, see FrameCutter of core/bytes. */
export class FrameReader {
  readonly #cutter = new FrameCutter(HANDSHAKE_FRAME_BYTES_MAX, linkProtocolError);

  /** Raised once the other end is known. */
  set frameBytesMax(bytes: number) {
    this.#cutter.frameBytesMax = bytes;
  }

  /** The frames that the chunk completes, one at a time. Throws LINK_PROTOCOL. */
  *feed(chunk: Buffer): Generator<Frame> {
    for (const content of this.#cutter.feed(chunk)) yield frameOf(content);
  }
}

function frameOf(content: Buffer): Frame {
  const kind = KIND_OF_BYTE.get(content[0] as number);
  if (kind === undefined) throw linkProtocolError(`An unknown kind of frame, ${content[0]}.`);
  return { kind, body: content.subarray(1) };
}
