export { type Ack, decodeAck, encodeAck } from './ack.ts';
export { BodyReader } from './body-reader.ts';
export { acceptedCodecs } from './compression.ts';
export { type ControlFrame, decodeControl, encodeControl, helloDetailsSchema } from './control.ts';
export { decodeCredit, encodeCredit } from './credit.ts';
export {
  DATA_BYTES_MAX,
  DATA_MESSAGES_MAX,
  type DataFrame,
  type DataMessage,
  DESTINATIONS_MAX,
  type Destination,
  roughDataBytes,
} from './data.ts';
export { DataDecoder } from './data-decoder.ts';
export { DataEncoder, type DataEncoderOptions } from './data-encoder.ts';
export { DATAGRAM_BYTES_MAX, type Datagram, decodeDatagram, encodeDatagram } from './datagram.ts';
export { encodeFrame, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, type Frame, type FrameKind, FrameReader } from './frames.ts';
export { Handshake, type HandshakeOptions, type HandshakeStep, type LinkIdentity, linkKey } from './handshake.ts';
export { LINK_PROTOCOL_VERSION, linkProtocolError } from './protocol.ts';
