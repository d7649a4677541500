import { FRAME_HEADER_BYTES, frameBytesAt, framePositionAt, resync } from './frame.ts';
import { type LogFile, readTolerantly } from './fs.ts';
import type { Gaps } from './gaps.ts';
import type { FramePlace, Segment } from './segment.ts';
import type { LogRecord } from './types.ts';

const WINDOW_BYTES_MIN = 16 * 1024;
const WINDOW_BYTES_MAX = 1024 * 1024;

/** What a read has gathered so far, and how much more it may. */
export class ReadBatch {
  readonly records: LogRecord[] = [];
  #bytesLeft: number;

  constructor(bytesMax: number) {
    this.#bytesLeft = bytesMax;
  }

  get bytesLeft(): number {
    return Math.max(0, this.#bytesLeft);
  }

  /** False when the record does not fit any more. The first one always does. */
  take(position: number, payload: Uint8Array): boolean {
    if (this.records.length > 0 && payload.length > this.#bytesLeft) return false;
    this.#bytesLeft -= payload.length;
    this.records.push({ position, payload });
    return true;
  }
}

/**
 * Reads durable records of one segment from the position on. Every CRC is checked again, since a disk may change its
 * mind; what fails is a gap, and reading goes on behind it. Resolves with the position at which to go on behind this segment, or
 * undefined when the batch is full.
 */
export async function readSegment(
  segment: Segment,
  file: LogFile,
  fromPosition: number,
  batch: ReadBatch,
  gaps: Gaps,
): Promise<number | undefined> {
  const end: FramePlace = { position: segment.end, offset: segment.bytes };
  let place = segment.placeNear(fromPosition);
  let window: Buffer = Buffer.alloc(0);
  let windowOffset = 0;
  while (place !== undefined && place.offset < end.offset) {
    const { position, offset }: FramePlace = place;
    const at = offset - windowOffset;
    const length = frameBytesAt(window, at, window.length, segment.marker);
    if (length > 0 && framePositionAt(window, at) === position) {
      const payload = window.subarray(at + FRAME_HEADER_BYTES, at + length);
      if (position >= fromPosition && !batch.take(position, payload)) {
        segment.noteReadEnd(place);
        return undefined;
      }
      place = { position: position + 1, offset: offset + length };
      continue;
    }
    const known = segment.skipAt(offset);
    if (known !== undefined) {
      place = known;
    } else if (length < 0 && offset - length <= end.offset && windowOffset + window.length < end.offset) {
      windowOffset = offset;
      window = await readWindow(file, offset, end.offset, Math.max(-length, batch.bytesLeft));
    } else {
      place = await skipDamage(segment, file, place, end);
      gaps.add({ fromPosition: position, toPosition: place.position - 1, cause: 'damaged' });
    }
  }
  segment.noteReadEnd(end);
  // A segment of which nothing is left must not be found again.
  return Math.max(end.position, segment.base + 1);
}

/** A buffer of its own for each window: the payloads that are handed out are views of it. */
async function readWindow(file: LogFile, offset: number, end: number, wantedBytes: number): Promise<Buffer> {
  const withFrames = Math.min(Math.max(wantedBytes + (wantedBytes >> 2), WINDOW_BYTES_MIN), WINDOW_BYTES_MAX);
  const window = Buffer.allocUnsafeSlow(Math.min(Math.max(withFrames, wantedBytes), end - offset));
  await readTolerantly(file, window, offset);
  return window;
}

async function skipDamage(segment: Segment, file: LogFile, from: FramePlace, end: FramePlace): Promise<FramePlace> {
  const rest = Buffer.allocUnsafeSlow(end.offset - from.offset);
  await readTolerantly(file, rest, from.offset);
  const next = resync(rest, 0, rest.length, segment.marker, from.position, end.position);
  const place = next === -1 ? end : { position: framePositionAt(rest, next), offset: from.offset + next };
  segment.skip(from.offset, place);
  return place;
}
