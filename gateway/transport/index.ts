export { parseAddress } from './address.ts';
export { TRANSPORT_LIMITS, type TransportLimits } from './limits.ts';
export { TcpTransport, type TcpTransportOptions } from './tcp/tcp-transport.ts';
export {
  type ByteSource,
  type FrameListener,
  type GatewayIdentity,
  MESSAGE_BYTES_MAX,
  type Peer,
  type PeerDown,
  type PeerId,
  type PeerState,
  peerIdOf,
  type StreamListener,
  type Transport,
  type TransportCounters,
  type Unsubscribe,
} from './types.ts';
