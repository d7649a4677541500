import { ByteReader } from '../../../core/bytes/index.ts';
import { linkProtocolError } from './protocol.ts';

/** Reads the fields of a frame; a fault throws LINK_PROTOCOL. */
export class BodyReader extends ByteReader {
  constructor(body: Buffer, at = 0) {
    super(body, linkProtocolError, at);
  }
}
