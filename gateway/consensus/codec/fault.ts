import { ByteReader } from '../../../core/bytes/index.ts';
import { LatticeError } from '../../../core/errors/index.ts';

export function codecFault(detail: string): LatticeError {
  return new LatticeError('PEER_FRAME_INVALID', detail);
}

/** Decodes all of the bytes. Throws PEER_FRAME_INVALID when they are too many, too few or none of the kind. */
export function decodeWhole<T>(bytes: Uint8Array, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), codecFault);
  const value = read(reader);
  reader.expectEnd();
  return value;
}
