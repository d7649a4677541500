import { encodeFrame } from './frames.ts';
import { linkProtocolError } from './protocol.ts';

/** CREDIT: so many bytes of frames more may be sent; 0 to 2^32 - 1. */
export function encodeCredit(bytes: number): Buffer {
  const body = Buffer.allocUnsafe(4);
  body.writeUInt32BE(bytes, 0);
  return encodeFrame('credit', body);
}

/** Throws LINK_PROTOCOL. */
export function decodeCredit(body: Buffer): number {
  if (body.length !== 4) throw linkProtocolError(`A CREDIT of ${body.length} bytes.`);
  return body.readUInt32BE(0);
}
