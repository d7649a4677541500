import type { BackoffBounds } from '../../core/device-link/index.ts';

export interface TransportLimits {
  /** Bytes that wait to be sent to one peer; a frame that does not fit is dropped and counted. */
  queueBytesMax: number;
  /** Connections that have not proven who they are; one more is closed at once and counted. */
  strangersMax: number;
  /** From the first packet to the end of the handshake. */
  handshakeTimeoutMs: number;
  pingIntervalMs: number;
  /** A connection on which nothing is heard for so long is dead. */
  silenceTimeoutMs: number;
  /** How long a lost connection may wait to be called down for what the dial after it brings. */
  verdictTimeoutMs: number;
  /** Streams of one peer that are being received; one more is refused. */
  streamsPerPeerMax: number;
  /** Between two attempts to connect. */
  backoff: BackoffBounds;
}

export const TRANSPORT_LIMITS: TransportLimits = {
  queueBytesMax: 8 * 1024 * 1024,
  strangersMax: 64,
  handshakeTimeoutMs: 3_000,
  pingIntervalMs: 500,
  silenceTimeoutMs: 5_000,
  verdictTimeoutMs: 100,
  streamsPerPeerMax: 4,
  backoff: { firstMs: 50, lastMs: 2_000 },
};
