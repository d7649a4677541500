import { type ByteReader, ByteWriter } from '../../../core/bytes/index.ts';
import type { Entry } from '../raft/types.ts';
import { decodeWhole } from './fault.ts';
import { ENTRY_TYPES, entryTypeNumber } from './type-numbers.ts';

export function encodeEntry(entry: Entry): Buffer {
  const writer = new ByteWriter();
  writeEntry(writer, entry);
  return writer.written();
}

/** The entry's data is a view of the bytes. Throws PEER_FRAME_INVALID. */
export function decodeEntry(bytes: Uint8Array): Entry {
  return decodeWhole(bytes, readEntry);
}

export function writeEntry(writer: ByteWriter, { term, index, type, data }: Entry): void {
  writer.byte(entryTypeNumber(type));
  writer.varint(term);
  writer.varint(index);
  writer.sized(data);
}

/** The entry's data is a view of what is read. Throws the reader's fault. */
export function readEntry(reader: ByteReader): Entry {
  const type = reader.oneOf(ENTRY_TYPES);
  const term = reader.varint();
  const index = reader.varint();
  return { term, index, type, data: reader.sized() };
}
