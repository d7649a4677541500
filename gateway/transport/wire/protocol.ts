import { LatticeError } from '../../../core/errors/index.ts';
import { MESSAGE_BYTES_MAX } from '../types.ts';

export const TRANSPORT_PROTOCOL_VERSION = 2;

/** A message, and what is around it. */
export const FRAME_BYTES_MAX = MESSAGE_BYTES_MAX + 1_024;
/** Before the other end has shown that it has the key. */
export const HANDSHAKE_FRAME_BYTES_MAX = 4 * 1024;

export function frameFault(detail: string, cause?: unknown): LatticeError {
  return new LatticeError('PEER_FRAME_INVALID', detail, cause === undefined ? undefined : { cause });
}

export function lengthPrefix(bytes: number): Buffer {
  const prefix = Buffer.allocUnsafe(4);
  prefix.writeUInt32BE(bytes, 0);
  return prefix;
}
