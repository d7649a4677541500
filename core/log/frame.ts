import { crc32 } from 'node:zlib';

/*
 * A segment file is a header and then frames, one after the other. All numbers are little-endian.
 *
 *   header  0 magic (8)   8 version u32   12 marker u32   16 base position u64   24 zero u32   28 CRC of 0..27 u32
 *   frame   0 marker u32   4 CRC of 8..end u32   8 payload bytes u32   12 position u64   20 payload
 *
 * The marker is a random number that belongs to this log. It starts every frame, so that reading can find the next good
 * frame behind damage, and it seeds every CRC, so that bytes in a payload that look like a frame (of another log, or
 * made by somebody who knows the format but not the marker) are never taken for one.
 */
export const SEGMENT_HEADER_BYTES = 32;
export const FRAME_HEADER_BYTES = 20;
export const FORMAT_VERSION = 1;

const MAGIC = Buffer.from('LATTLOG\n', 'latin1');
const TWO_POW_32 = 4_294_967_296;

export interface SegmentHeader {
  version: number;
  marker: number;
  base: number;
}

export function encodeSegmentHeader(base: number, marker: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(FORMAT_VERSION, 8);
  header.writeUInt32LE(marker, 12);
  writePosition(header, 16, base);
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28);
  return header;
}

/** The header, or undefined when it is damaged or none. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (crc32(bytes.subarray(0, 28)) !== bytes.readUInt32LE(28)) return undefined;
  return { version: bytes.readUInt32LE(8), marker: bytes.readUInt32LE(12), base: readPosition(bytes, 16) };
}

/** Writes one frame at the offset; returns the offset behind it. */
export function encodeFrame(
  into: Buffer,
  offset: number,
  marker: number,
  position: number,
  payload: Uint8Array,
): number {
  const end = offset + FRAME_HEADER_BYTES + payload.length;
  into.writeUInt32LE(marker, offset);
  into.writeUInt32LE(payload.length, offset + 8);
  writePosition(into, offset + 12, position);
  into.set(payload, offset + FRAME_HEADER_BYTES);
  into.writeUInt32LE(crc32(into.subarray(offset + 8, end), marker), offset + 4);
  return end;
}

/**
 * Bytes of the good frame at the offset; 0 when there is none; negative when the buffer ends too soon: minus the bytes
 * that would be needed from the offset on (which, if the length field is damaged, may be far off).
 */
export function frameBytesAt(bytes: Buffer, offset: number, end: number, marker: number): number {
  if (end - offset < FRAME_HEADER_BYTES) return -FRAME_HEADER_BYTES;
  if (bytes.readUInt32LE(offset) !== marker) return 0;
  const total = FRAME_HEADER_BYTES + bytes.readUInt32LE(offset + 8);
  if (total > end - offset) return -total;
  return crc32(bytes.subarray(offset + 8, offset + total), marker) === bytes.readUInt32LE(offset + 4) ? total : 0;
}

export function framePositionAt(bytes: Buffer, offset: number): number {
  return readPosition(bytes, offset + 12);
}

/**
 * Offset of the next good frame behind damage at the offset, or -1. `expected` is the position that should have been
 * there; only a frame that continues from it is taken: below the limit, and with no more positions lost than the damaged
 * bytes could have held.
 */
export function resync(
  bytes: Buffer,
  offset: number,
  end: number,
  marker: number,
  expected: number,
  limit: number,
): number {
  // Mostly it is the payload that is damaged and the length still leads to the next frame. Then nothing inside the
  // payload is looked at.
  if (end - offset >= FRAME_HEADER_BYTES) {
    const next = offset + FRAME_HEADER_BYTES + bytes.readUInt32LE(offset + 8);
    const isGood = expected + 1 < limit && frameBytesAt(bytes, next, end, marker) > 0;
    if (isGood && framePositionAt(bytes, next) === expected + 1) return next;
  }
  const needle = Buffer.alloc(4);
  needle.writeUInt32LE(marker);
  const haystack = bytes.subarray(0, end);
  for (let at = haystack.indexOf(needle, offset); at !== -1; at = haystack.indexOf(needle, at + 1)) {
    if (frameBytesAt(bytes, at, end, marker) <= 0) continue;
    const position = framePositionAt(bytes, at);
    const lost = position - expected;
    if (lost >= 0 && position < limit && lost * FRAME_HEADER_BYTES <= at - offset) return at;
  }
  return -1;
}

/**
 * The marker of a segment whose header is damaged, told from its frames: a number that starts a good frame and also what
 * follows that frame. Undefined when no two frames in a row are whole, unless the first frame is where it must be.
 */
export function findMarker(bytes: Buffer, end: number, base: number): number | undefined {
  for (let offset = SEGMENT_HEADER_BYTES; offset + FRAME_HEADER_BYTES <= end; offset++) {
    const marker = bytes.readUInt32LE(offset);
    const next = offset + FRAME_HEADER_BYTES + bytes.readUInt32LE(offset + 8);
    const isFirst = offset === SEGMENT_HEADER_BYTES && framePositionAt(bytes, offset) === base;
    const isFollowed = next + 4 <= end && bytes.readUInt32LE(next) === marker;
    if (marker === 0 || !(isFirst || isFollowed)) continue;
    if (frameBytesAt(bytes, offset, end, marker) > 0) return marker;
  }
  return undefined;
}

function writePosition(into: Buffer, offset: number, position: number): void {
  into.writeUInt32LE(position % TWO_POW_32, offset);
  into.writeUInt32LE(Math.floor(position / TWO_POW_32), offset + 4);
}

function readPosition(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * TWO_POW_32;
}
