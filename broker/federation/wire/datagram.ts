import { ByteWriter } from '../../../core/bytes/index.ts';
import { LatticeError } from '../../../core/errors/index.ts';
import { BodyReader } from './body-reader.ts';
import { encodeFrame } from './frames.ts';
import { linkProtocolError } from './protocol.ts';

/** A small message from one broker to another, however many lie between. It may get lost. */
export interface Datagram {
  to: string;
  from: string;
  /** What it is about; 1 to 32 characters of ASCII. Who registers a kind decodes its body. */
  kind: string;
  /** 0 to 255. */
  hopsLeft: number;
  /** At most DATAGRAM_BYTES_MAX. */
  body: Uint8Array;
}

export const DATAGRAM_BYTES_MAX = 256 * 1024;
const NAME_BYTES_MAX = 512;
const KIND_BYTES_MAX = 32;

/** Throws INTERNAL when the body is too large. */
export function encodeDatagram({ to, from, kind, hopsLeft, body }: Datagram): Buffer {
  if (body.length > DATAGRAM_BYTES_MAX)
    throw new LatticeError('INTERNAL', `A datagram "${kind}" of ${body.length} bytes cannot be sent.`);
  const writer = new ByteWriter();
  writer.byte(hopsLeft);
  writer.text(to);
  writer.text(from);
  writer.text(kind);
  writer.bytes(body);
  return encodeFrame('datagram', writer.written());
}

/** The body is a view. Throws LINK_PROTOCOL. */
export function decodeDatagram(frameBody: Buffer): Datagram {
  const reader = new BodyReader(frameBody);
  const hopsLeft = reader.byte();
  const to = reader.text(NAME_BYTES_MAX);
  const from = reader.text(NAME_BYTES_MAX);
  const kind = reader.text(KIND_BYTES_MAX);
  const body = frameBody.subarray(reader.at);
  if (body.length > DATAGRAM_BYTES_MAX) throw linkProtocolError(`A datagram of ${body.length} bytes.`);
  return { to, from, kind, hopsLeft, body };
}
