import type { HlcClock } from '../../core/time/index.ts';

/*
 * The port between gateways. Frames are one-way and may be lost, as Raft expects; streams arrive whole or fail; the RPC of
 * rpc/ is built upon frames. The order of frames to one peer is kept as long as the connection lives.
 *
 * Frames and streams carry the stamp of the sender's hybrid logical clock. One that lies too far ahead of the clock here is
 * refused (HLC_STAMP_FUTURE) and counted, and the clock does not follow it. What it came with is delivered, without a stamp: Raft and
 * the RPC hang on no clock, and gateways that have only each other to tell the time by, as after a start without a network, must be
 * able to agree on who tells it. Whoever orders things by stamps leaves out what has none.
 */

/** Bytes of a frame that send() takes, and of a stream's meta. */
export const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;

/** How a transport names a peer: its name, with `site/` in front when it is of another site. */
export type PeerId = string;

/** A gateway, as it says and proves who it is. Names are unique within a site. */
export interface GatewayIdentity {
  site: string;
  name: string;
}

export interface Peer {
  name: string;
  /** Our own site when left out. */
  site?: string;
  host: string;
  port: number;
  /** The secret that both ends prove to hold: the key of our site when left out, for another site one that the two share. */
  siteKey?: string;
}

export interface PeerDown {
  /** The other end closed the connection, and nothing listens at its address any more: the process is dead, not the network cut. */
  refused: boolean;
}

/** What is known of a peer and of our connection to it. */
export interface PeerState {
  id: PeerId;
  /** Frames can be sent. */
  isUp: boolean;
  /** Smoothed round trip, in ms (RFC 6298, 2.3: a gain of 1/8); undefined until one was measured on this connection. */
  roundTripMs: number | undefined;
  /** The least that was measured on this connection. */
  roundTripMsMin: number | undefined;
  /** Why it is not up, as far as that is known. */
  lastError: string | undefined;
}

/** Counted since the start. */
export interface TransportCounters {
  framesSent: number;
  framesReceived: number;
  /** On the wire, all that is around the frames included. */
  bytesSent: number;
  bytesReceived: number;
  /** Frames that send() did not take. */
  droppedNotConnected: number;
  droppedQueueFull: number;
  droppedTooLarge: number;
  /** Frames and streams of a channel that nobody listens to. */
  droppedNoListener: number;
  streamsSent: number;
  streamsReceived: number;
  /** Streams, of either direction, that did not arrive whole or were not taken. */
  streamsFailed: number;
  connectionsOpened: number;
  connectionsLost: number;
  /** Sockets that were closed because too many had not said who they are. */
  strangersTurnedAway: number;
  /** Handshakes that failed, from either end. */
  handshakesFailed: number;
  /** Frames that were no frames of the protocol; each costs its connection. */
  framesInvalid: number;
  /** Stamps, of frames or streams, that lay too far ahead of the clock here. */
  stampsRefused: number;
}

/** `stampMs` is when it was sent, by the hybrid logical clock; undefined when the stamp was refused. */
export type FrameListener = (peer: PeerId, bytes: Buffer, stampMs: number | undefined) => void;
/** Takes a stream: `chunks` throws when it breaks off. What this rejects with fails the sender's promise. `stampMs` as above. */
export type StreamListener = (
  peer: PeerId,
  meta: Buffer,
  chunks: AsyncIterable<Buffer>,
  stampMs: number | undefined,
) => Promise<void>;
export type Unsubscribe = () => void;

export interface Transport {
  /** Stamps what is sent, and is above the stamps of all that was received before. */
  readonly hlc: HlcClock;
  /** Idempotent. Rejects with PORT_TAKEN or PORT_UNUSABLE. */
  start(): Promise<void>;
  /** Ends all connections and streams; no event comes afterwards. Safe twice. */
  stop(): Promise<void>;
  /** Adds a peer, or changes its address or key; a changed peer is connected to anew. */
  setPeer(peer: Peer): PeerId;
  /** Ends its connections, both ways; no event tells of it. */
  removePeer(peer: PeerId): void;
  peers(): PeerState[];
  isUp(peer: PeerId): boolean;
  /** Never waits. False when the frame was dropped, for a reason that is counted; true does not say that it arrives. */
  send(peer: PeerId, channel: string, bytes: Uint8Array): boolean;
  /**
   * Sends bytes of any length between the frames, at the pace of the receiver. Resolves when the receiver's listener has
   * taken them all. Rejects with RPC_UNREACHABLE when the connection is not up or ends, with RPC_FAILED when the receiver
   * did not take it, and with what the source throws.
   */
  sendStream(peer: PeerId, channel: string, meta: Uint8Array, source: ByteSource): Promise<void>;
  /** One listener a channel; a second one throws INTERNAL. */
  onFrame(channel: string, listener: FrameListener): Unsubscribe;
  onStream(channel: string, listener: StreamListener): Unsubscribe;
  /** Called for each connection that can be sent on, from now on. */
  onPeerUp(listener: (peer: PeerId) => void): Unsubscribe;
  /** Called once after each onPeerUp whose connection ended. */
  onPeerDown(listener: (peer: PeerId, down: PeerDown) => void): Unsubscribe;
  counters(): TransportCounters;
}

export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** The name of a gateway for those of the site `ownSite`. */
export function peerIdOf({ site, name }: GatewayIdentity, ownSite: string): PeerId {
  return site === ownSite ? name : `${site}/${name}`;
}
