import { ByteWriter } from '../../../core/bytes/index.ts';
import { BodyReader } from './body-reader.ts';
import { encodeFrame } from './frames.ts';

/** What a destination says to an origin: how far it has come in that broker's journal. Cumulative; routed. */
export interface Ack {
  origin: string;
  destination: string;
  /** Of the origin's journal. */
  incarnation: string;
  /** Everything up to this position is accepted; -1 when nothing is. */
  position: number;
  /** What follows did not come or did not fit: send it again. */
  isRewind: boolean;
  /** 0 to 255. */
  hopsLeft: number;
}

const NAME_BYTES_MAX = 512;

export function encodeAck({ origin, destination, incarnation, position, isRewind, hopsLeft }: Ack): Buffer {
  const body = new ByteWriter();
  body.byte(isRewind ? 1 : 0);
  body.byte(hopsLeft);
  body.text(origin);
  body.text(destination);
  body.text(incarnation);
  body.varint(position + 1);
  return encodeFrame('ack', body.written());
}

/** Throws LINK_PROTOCOL. */
export function decodeAck(body: Buffer): Ack {
  const reader = new BodyReader(body);
  const isRewind = reader.flag();
  const hopsLeft = reader.byte();
  const origin = reader.text(NAME_BYTES_MAX);
  const destination = reader.text(NAME_BYTES_MAX);
  const incarnation = reader.text(NAME_BYTES_MAX);
  const position = reader.varint() - 1;
  reader.expectEnd();
  return { origin, destination, incarnation, position, isRewind, hopsLeft };
}
