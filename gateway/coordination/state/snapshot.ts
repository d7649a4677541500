import { crc32 } from 'node:zlib';
import { LatticeError } from '../../../core/errors/index.ts';
import type { KeyValue } from '../types.ts';
import type { ClientRecord } from './applied-requests.ts';
import type { HeldLease } from './leases.ts';

/*
 * A snapshot is lines of JSON, so that it is written and read a piece at a time and a person can look into it:
 *
 *   {"format":"lattice-coordination","version":1,...}   the revisions, and how many of each follow
 *   [key, value, createRevision, modRevision, version, leaseId]   keys that have not changed since the compacted revision
 *   [[key, ...], ...]   the changes of a revision, for each up to the newest
 *   [id, ttlMs, renewals]   leases, in the order in which they were granted
 *   [client, highest, [[sequence, index, result], ...]]   applied requests, the longest silent client first
 *   the CRC-32 of all of this, 8 hexadecimal digits
 *
 * The same state gives the same bytes on every member.
 */
const FORMAT = 'lattice-coordination';
const VERSION = 1;
const PIECE_CHARS = 65_536;
const CRC_BYTES = 9;

type ChangeTuple = [string, string, number, number, number, string];

export interface SnapshotHeader {
  index: number;
  outcomeHash: number;
  revision: number;
  compactedRevision: number;
}

export interface SnapshotContents {
  settled: Iterable<KeyValue>;
  history: Iterable<readonly KeyValue[]>;
  leases: Iterable<HeldLease>;
  clients: Iterable<ClientRecord>;
}

/** The snapshot in pieces of some 64 KiB. The contents may not change until the last one was taken. */
export function* snapshotPieces(header: SnapshotHeader, contents: SnapshotContents): Generator<Uint8Array> {
  let crc = 0;
  for (const piece of pieces(header, contents)) {
    crc = crc32(piece, crc);
    yield piece;
  }
  yield Buffer.from(`${crc.toString(16).padStart(8, '0')}\n`);
}

function* pieces(header: SnapshotHeader, contents: SnapshotContents): Generator<Buffer> {
  let text = '';
  for (const line of lines(header, contents)) {
    text += `${JSON.stringify(line)}\n`;
    if (text.length < PIECE_CHARS) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

function* lines(header: SnapshotHeader, { settled, history, leases, clients }: SnapshotContents): Generator<unknown> {
  yield { format: FORMAT, version: VERSION, ...header };
  for (const keyValue of settled) yield toTuple(keyValue);
  yield null;
  for (const changes of history) yield changes.map(toTuple);
  yield null;
  for (const { id, ttlMs, renewals } of leases) yield [id, ttlMs, renewals];
  yield null;
  yield* clients;
}

/** Throws RAFT_STORAGE_DAMAGED when it is not whole, or of a version that is not known. */
export function readSnapshot(bytes: Uint8Array): SnapshotHeader & {
  settled: KeyValue[];
  history: KeyValue[][];
  leases: HeldLease[];
  clients: ClientRecord[];
} {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = buffer.subarray(0, Math.max(0, buffer.length - CRC_BYTES));
  const expected = buffer.toString('latin1', body.length);
  if (expected !== `${crc32(body).toString(16).padStart(8, '0')}\n`) {
    throw new LatticeError('RAFT_STORAGE_DAMAGED', `A snapshot of ${buffer.length} bytes does not match its checksum.`);
  }
  const lineReader = readLines(body);
  const header = lineReader.next().value as SnapshotHeader & { format: string; version: number };
  if (header.format !== FORMAT || header.version !== VERSION) {
    throw new LatticeError(
      'RAFT_STORAGE_DAMAGED',
      `A snapshot is ${header.format} ${header.version}, not ${FORMAT} ${VERSION}.`,
    );
  }
  const { index, outcomeHash, revision, compactedRevision } = header;
  return {
    index,
    outcomeHash,
    revision,
    compactedRevision,
    settled: section<ChangeTuple>(lineReader).map(fromTuple),
    history: section<ChangeTuple[]>(lineReader).map((changes) => changes.map(fromTuple)),
    leases: section<[string, number, number]>(lineReader).map(([id, ttlMs, renewals]) => ({ id, ttlMs, renewals })),
    clients: section<ClientRecord>(lineReader),
  };
}

/** The lines up to the next null, or the end. Their shape is trusted: the checksum was right. */
function section<Line>(lineReader: Iterator<unknown>): Line[] {
  const found: Line[] = [];
  for (let next = lineReader.next(); !next.done && next.value !== null; next = lineReader.next()) {
    found.push(next.value as Line);
  }
  return found;
}

function* readLines(body: Buffer): Generator<unknown> {
  for (let from = 0; from < body.length; ) {
    const end = body.indexOf(0x0a, from);
    yield JSON.parse(body.toString('utf8', from, end));
    from = end + 1;
  }
}

function toTuple({ key, value, createRevision, modRevision, version, leaseId }: KeyValue): ChangeTuple {
  return [key, value, createRevision, modRevision, version, leaseId];
}

function fromTuple([key, value, createRevision, modRevision, version, leaseId]: ChangeTuple): KeyValue {
  return { key, value, createRevision, modRevision, version, leaseId };
}
