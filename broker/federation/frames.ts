import { z } from 'zod';
import { LatticeError } from '../../core/errors/index.ts';

/**
 * What crosses a link: frames of `u32 length, u8 kind, body`, big-endian, the length without its own four bytes.
 *
 * Control frames are JSON, checked by a schema; batches, acknowledgements and the comparison of retained messages are
 * binary (batch.ts, retained-digest.ts), decoded by hand with every bound checked.
 */
export const LINK_PROTOCOL_VERSION = 1;

/** A batch holds at least one message of any size that a broker takes. */
export const FRAME_BYTES_MAX = 4 * 1024 * 1024;
/** Before the other end has shown that it knows the key. */
export const HANDSHAKE_FRAME_BYTES_MAX = 4 * 1024;

const HEADER_BYTES = 5;
const PARTIAL_BYTES_MIN = 256;

export const FRAME_KINDS = { control: 1, batch: 2, ack: 3, digest: 4, keys: 5 } as const;
export type FrameKind = keyof typeof FRAME_KINDS;
const KIND_OF_BYTE = new Map<number, FrameKind>(
  Object.entries(FRAME_KINDS).map(([kind, byte]) => [byte, kind as FrameKind]),
);

export interface Frame {
  kind: FrameKind;
  body: Buffer;
}

const name = z.string().min(1).max(64);
const token = z.string().min(1).max(128);

/** HELLO is read in two steps: a version that is not ours may look different behind its number. */
const helloSchema = z.looseObject({ type: z.literal('hello'), protocol: z.int() });
export const helloDetailsSchema = z.object({ node: name, incarnation: token, nonce: token });

const controlSchema = z.discriminatedUnion('type', [
  helloSchema,
  z.object({ type: z.literal('challenge'), node: name, incarnation: token, nonce: token, proof: token }),
  z.object({ type: z.literal('auth'), proof: token }),
  z.object({ type: z.literal('welcome') }),
  z.object({ type: z.literal('refuse'), code: z.enum(['LINK_REFUSED', 'LINK_PROTOCOL']), reason: z.string().max(500) }),
  /** The highest position of the receiver's journal that the sender has accepted; -1 when none. */
  z.object({ type: z.literal('resume'), acceptedPosition: z.int().min(-1) }),
  /** Changes the filters of version `base` into those of `version`; base 0 is the empty set. `more`: goes on in the next. */
  z.object({
    type: z.literal('interest'),
    version: z.int().min(1),
    base: z.int().min(0),
    add: z.array(z.string()),
    remove: z.array(z.string()),
    more: z.boolean(),
  }),
  z.object({ type: z.literal('ping'), id: z.int() }),
  z.object({ type: z.literal('pong'), id: z.int() }),
]);

export type ControlFrame = z.infer<typeof controlSchema>;

export function linkProtocolError(detail: string, cause?: unknown): LatticeError {
  return new LatticeError('LINK_PROTOCOL', detail, cause === undefined ? undefined : { cause });
}

export function encodeFrame(kind: FrameKind, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  frame.writeUInt32BE(1 + body.length, 0);
  frame[4] = FRAME_KINDS[kind];
  frame.set(body, HEADER_BYTES);
  return frame;
}

export function encodeControl(frame: ControlFrame): Buffer {
  return encodeFrame('control', Buffer.from(JSON.stringify(frame)));
}

/** Throws LINK_PROTOCOL. */
export function decodeControl(body: Buffer): ControlFrame {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw linkProtocolError('A control frame is not JSON.', cause);
  }
  const parsed = controlSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw linkProtocolError(`A control frame does not fit: ${z.prettifyError(parsed.error).slice(0, 300)}.`);
}

/** ACK: how many batches of this connection the sender has taken, all told. */
export function encodeAck(batches: number): Buffer {
  const body = Buffer.allocUnsafe(6);
  body.writeUIntBE(batches, 0, 6);
  return encodeFrame('ack', body);
}

/** Throws LINK_PROTOCOL. */
export function decodeAck(body: Buffer): number {
  if (body.length !== 6) throw linkProtocolError(`An ACK of ${body.length} bytes.`);
  return body.readUIntBE(0, 6);
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
      const wanted = this.#partialBytes < HEADER_BYTES ? HEADER_BYTES : this.#frameBytes(this.#partial, 0);
      const end = Math.min(chunk.length, at + wanted - this.#partialBytes);
      this.#keep(chunk, at, end);
      at = end;
      if (this.#partialBytes < HEADER_BYTES || this.#partialBytes < this.#frameBytes(this.#partial, 0)) continue;
      const whole = this.#partial.subarray(0, this.#partialBytes);
      this.#partial = Buffer.alloc(0);
      this.#partialBytes = 0;
      yield frameOf(whole);
    }
    while (at + HEADER_BYTES <= chunk.length) {
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
  return { kind, body: bytes.subarray(HEADER_BYTES) };
}
