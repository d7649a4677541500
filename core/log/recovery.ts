import { join } from 'node:path';
import { LatticeError } from '../errors/index.ts';
import type { Random } from '../random/index.ts';
import {
  decodeSegmentHeader,
  FORMAT_VERSION,
  findMarker,
  frameBytesAt,
  framePositionAt,
  resync,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './frame.ts';
import { diskError, type LogFile, type LogFs, readTolerantly } from './fs.ts';
import { Gaps } from './gaps.ts';
import { baseOfName, Segment, segmentName } from './segment.ts';

/*
 * Opening reads every segment and believes only frames whose CRC and position fit. What it finds decides:
 *
 *   good frames, then nothing good up to the end of the last segment   cut off, and told (isTailCut): mostly a write that
 *                                                                      was torn, but records that were acknowledged and
 *                                                                      then damaged or lost look the same
 *   good frames, damage, good frames                                   a gap; what lies behind the damage is kept
 *   a segment that ends before the next one begins, or a missing one   a gap
 *   frames at or beyond the base of the next segment                   left by a failed sync: those positions were given
 *                                                                      again, and the later segment counts
 */
export interface Recovered {
  segments: Segment[];
  /** The segment to go on writing to; undefined when a new one must be begun. */
  active: Segment | undefined;
  /** The position behind the last record. */
  end: number;
  /** This log's frame marker; see frame.ts. */
  marker: number;
  gaps: Gaps;
  /** Whether bytes were cut off the end of the last segment, or not even its header is whole. */
  isTailCut: boolean;
  /** Bases whose file name is taken by a file that is not of this log. */
  foreign: Set<number>;
}

/** Reads the folder. Rejects only when the folder cannot be listed or was written by a later version (DISK_FAILED). */
export async function recover(fs: LogFs, directory: string, random: Random): Promise<Recovered> {
  const foreign = new Set<number>();
  const found = await findSegments(fs, directory, foreign);
  const gaps = new Gaps();
  const segments: Segment[] = [];
  let marker = found.find((file) => file.header !== undefined)?.header?.marker;
  let active: Segment | undefined;
  let isTailCut = false;
  let scratch = Buffer.alloc(0);

  for (const [index, file] of found.entries()) {
    const limit = found[index + 1]?.base ?? Number.POSITIVE_INFINITY;
    if (scratch.length < file.size) scratch = Buffer.allocUnsafeSlow(file.size);
    const bytes = scratch.subarray(0, file.size);
    await withFile(fs, join(directory, segmentName(file.base)), async (handle) => {
      await readTolerantly(handle, bytes, 0);
      const own = file.header?.marker ?? marker ?? findMarker(bytes, bytes.length, file.base);
      marker ??= own;
      const segment = new Segment(fs, directory, file.base, own ?? 0);
      scan(segment, bytes, limit, gaps);
      segments.push(segment);
      const isLast = index === found.length - 1;
      if (isLast) isTailCut = segment.bytes !== file.size;
      if (isLast && (await settleTail(handle, segment.bytes, file.size)) && file.header !== undefined) active = segment;
    });
    const next = segments.at(-1)!;
    if (limit !== Number.POSITIVE_INFINITY)
      gaps.add({ fromPosition: next.end, toPosition: limit - 1, cause: 'damaged' });
  }
  if (found.length > 0) await fs.syncDirectory(directory);
  return {
    segments,
    active,
    end: segments.at(-1)?.end ?? 0,
    marker: marker ?? 1 + random.below(0xffff_fffe),
    gaps,
    isTailCut,
    foreign,
  };
}

/** Notes every good frame in the segment, and what is missing between them as gaps. */
function scan(segment: Segment, bytes: Buffer, limit: number, gaps: Gaps): void {
  const { marker } = segment;
  let offset = SEGMENT_HEADER_BYTES;
  let expected = segment.base;
  while (offset < bytes.length && expected < limit) {
    const length = frameBytesAt(bytes, offset, bytes.length, marker);
    if (length > 0 && framePositionAt(bytes, offset) === expected) {
      segment.note(expected, offset, length);
      expected++;
      offset += length;
      continue;
    }
    const next = resync(bytes, offset, bytes.length, marker, expected, limit);
    if (next === -1) return;
    const position = framePositionAt(bytes, next);
    gaps.add({ fromPosition: expected, toPosition: position - 1, cause: 'damaged' });
    segment.skip(offset, { offset: next, position });
    expected = position;
    offset = next;
  }
}

/**
 * Cuts off the tail, and syncs what is left in any case: a process that was killed between its write and its sync leaves
 * records in the page cache alone, and they are about to be taken for durable. False when that failed; then a new segment
 * must be begun.
 */
async function settleTail(file: LogFile, bytes: number, size: number): Promise<boolean> {
  try {
    if (bytes < size) await file.truncate(bytes);
    await file.datasync();
    return true;
  } catch {
    return false;
  }
}

interface FoundSegment {
  base: number;
  size: number;
  header: SegmentHeader | undefined;
}

async function findSegments(fs: LogFs, directory: string, foreign: Set<number>): Promise<FoundSegment[]> {
  const found: FoundSegment[] = [];
  for (const name of await fs.readDirectory(directory)) {
    const base = baseOfName(name);
    if (base === undefined) continue;
    const head = Buffer.alloc(SEGMENT_HEADER_BYTES);
    let size = 0;
    await withFile(fs, join(directory, name), async (file) => {
      size = await file.size();
      await readTolerantly(file, head.subarray(0, Math.min(size, head.length)), 0);
    });
    const header = decodeSegmentHeader(head);
    if (header !== undefined && header.version > FORMAT_VERSION) {
      throw new LatticeError('DISK_FAILED', `${join(directory, name)} was written by a later version of Lattice.`);
    }
    // A whole header with another base: a copy that somebody gave this name. It is none of this log's business.
    if (header !== undefined && header.base !== base) foreign.add(base);
    else found.push({ base, size, header });
  }
  return found.sort((one, other) => one.base - other.base);
}

/** A file that cannot be opened is no damage (too many open files, rights): taking it for one would lose it for good. */
async function withFile(fs: LogFs, path: string, work: (file: LogFile) => Promise<void>): Promise<void> {
  let file: LogFile;
  try {
    file = await fs.open(path, 'existing');
  } catch (error) {
    throw diskError(error, `Opening ${path}`);
  }
  try {
    await work(file);
  } finally {
    await file.close();
  }
}
