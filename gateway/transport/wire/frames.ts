import { ByteReader, ByteWriter } from '../../../core/bytes/index.ts';
import { decodeHlc, encodeHlc, HLC_BYTES } from '../../../core/time/index.ts';
import { frameFault } from './protocol.ts';

/**
 * What crosses a connection once both ends are known. The dialer sends messages, streams and pings; the listener answers
 * with pongs and with how far it has come with a stream. `stampMs` is the sender's hybrid logical clock (core/time/hlc.ts).
 */
export type Frame<Body extends Uint8Array = Buffer> =
  | { kind: 'message'; stampMs: number; channel: string; body: Body }
  | { kind: 'streamBegin'; stream: number; stampMs: number; channel: string; body: Body }
  | { kind: 'streamChunk'; stream: number; body: Body }
  | { kind: 'streamEnd'; stream: number }
  /** The sender gives up. */
  | { kind: 'streamAbort'; stream: number }
  | { kind: 'ping'; id: number }
  | { kind: 'pong'; id: number }
  /** The receiver has taken so many bytes from its window. */
  | { kind: 'streamTaken'; stream: number; bytes: number }
  /** The receiver is through, or will not go on; `reason` says why. */
  | { kind: 'streamDone'; stream: number }
  | { kind: 'streamFailed'; stream: number; reason: string };

export type FrameKind = Frame['kind'];

const KINDS = [
  'message',
  'streamBegin',
  'streamChunk',
  'streamEnd',
  'streamAbort',
  'ping',
  'pong',
  'streamTaken',
  'streamDone',
  'streamFailed',
] as const satisfies readonly FrameKind[];
const NUMBER_OF_KIND = new Map<FrameKind, number>(KINDS.map((kind, number) => [kind, number]));

export const CHANNEL_BYTES_MAX = 128;
export const REASON_BYTES_MAX = 512;
/** Of one chunk; a stream's sender keeps at most STREAM_WINDOW_BYTES on their way to the receiver's listener. */
export const CHUNK_BYTES_MAX = 256 * 1024;
export const STREAM_WINDOW_BYTES = 4 * CHUNK_BYTES_MAX;

/** All of the frame but the body, which stands behind it. */
export function encodeHead(frame: Frame<Uint8Array>): Buffer {
  const writer = new ByteWriter();
  writer.byte(NUMBER_OF_KIND.get(frame.kind) as number);
  if (frame.kind === 'ping' || frame.kind === 'pong') writer.varint(frame.id);
  else if (frame.kind !== 'message') writer.varint(frame.stream);
  if (frame.kind === 'message' || frame.kind === 'streamBegin') {
    writer.bytes(encodeHlc(frame.stampMs));
    writer.text(frame.channel);
  }
  if (frame.kind === 'streamTaken') writer.varint(frame.bytes);
  if (frame.kind === 'streamFailed') writer.text(frame.reason);
  return writer.written();
}

/** The body is a view of the content. Throws PEER_FRAME_INVALID. */
export function decodeFrame(content: Buffer): Frame {
  const reader = new ByteReader(content, frameFault);
  const kind: FrameKind = reader.oneOf(KINDS);
  const body = (): Buffer => content.subarray(reader.at);
  const stampAndChannel = (): { stampMs: number; channel: string } => {
    return { stampMs: decodeHlc(reader.bytes(HLC_BYTES)), channel: reader.text(CHANNEL_BYTES_MAX) };
  };
  switch (kind) {
    case 'message':
      return { kind, ...stampAndChannel(), body: body() };
    case 'streamBegin':
      return { kind, stream: reader.varint(), ...stampAndChannel(), body: body() };
    case 'streamChunk':
      return { kind, stream: reader.varint(), body: body() };
    case 'streamEnd':
    case 'streamAbort':
    case 'streamDone':
      return ended(reader, { kind, stream: reader.varint() });
    case 'ping':
    case 'pong':
      return ended(reader, { kind, id: reader.varint() });
    case 'streamTaken':
      return ended(reader, { kind, stream: reader.varint(), bytes: reader.varint() });
    case 'streamFailed':
      return ended(reader, { kind, stream: reader.varint(), reason: reader.text(REASON_BYTES_MAX) });
  }
}

function ended<T>(reader: ByteReader, frame: T): T {
  reader.expectEnd();
  return frame;
}
