import { ByteReader, ByteWriter } from '../../../core/bytes/index.ts';
import { LatticeError } from '../../../core/errors/index.ts';
import { readEntry, writeEntry } from '../codec/index.ts';
import type { Entry, HardState } from '../raft/index.ts';

/** What stands in one record of the log on disk. */
export interface LogRecord {
  hardState: HardState;
  /** The log was replaced by the snapshot up to this index, before the entries. */
  resetTo: number | undefined;
  entries: Entry[];
}

const VERSION = 1;
const HAS_RESET = 1;

const writer = new ByteWriter();

export function encodeRecord({ hardState, resetTo, entries }: LogRecord): Buffer {
  writer.reset();
  writer.byte(VERSION);
  writer.byte(resetTo === undefined ? 0 : HAS_RESET);
  writer.varint(hardState.term);
  writer.varint(hardState.vote);
  writer.varint(hardState.commit);
  if (resetTo !== undefined) writer.varint(resetTo);
  writer.list(entries, writeEntry);
  return Buffer.from(writer.written());
}

/** Throws RAFT_STORAGE_DAMAGED. */
export function decodeRecord(bytes: Uint8Array): LogRecord {
  const reader = new ByteReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), damaged);
  const version = reader.byte();
  if (version !== VERSION)
    throw damaged(`a record has version ${version}, which this version of Lattice does not read`);
  const flags = reader.byte();
  const hardState = { term: reader.varint(), vote: reader.varint(), commit: reader.varint() };
  const resetTo = (flags & HAS_RESET) === 0 ? undefined : reader.varint();
  const count = reader.varint();
  const entries: Entry[] = [];
  for (let nth = 0; nth < count; nth++) entries.push(readEntry(reader));
  reader.expectEnd();
  return { hardState, resetTo, entries };
}

export function damaged(detail: string): LatticeError {
  return new LatticeError('RAFT_STORAGE_DAMAGED', `The log of what the gateways have agreed on: ${detail}.`);
}
