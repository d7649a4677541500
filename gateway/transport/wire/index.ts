export {
  CHANNEL_BYTES_MAX,
  CHUNK_BYTES_MAX,
  decodeFrame,
  encodeHead,
  type Frame,
  REASON_BYTES_MAX,
  STREAM_WINDOW_BYTES,
} from './frames.ts';
export {
  DialerHandshake,
  decodeHandshake,
  encodeHandshake,
  type HandshakeFrame,
  type HandshakeStep,
  ListenerHandshake,
  type SessionKeys,
  transportKey,
} from './handshake.ts';
export {
  FRAME_BYTES_MAX,
  frameFault,
  HANDSHAKE_FRAME_BYTES_MAX,
  lengthPrefix,
  TRANSPORT_PROTOCOL_VERSION,
} from './protocol.ts';
export { Opener, Sealer } from './seal.ts';
