import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Logger } from 'pino';
import { backoffMs } from '../../../core/device-link/index.ts';
import { errnoOf, LatticeError } from '../../../core/errors/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Clock, HlcClock, Timer } from '../../../core/time/index.ts';
import type { TransportLimits } from '../limits.ts';
import type { ByteSource, GatewayIdentity, PeerDown, PeerId, PeerState, TransportCounters } from '../types.ts';
import { DialerHandshake, type Frame, frameFault } from '../wire/index.ts';
import { Connection, type Ending } from './connection.ts';
import { OutgoingStreams } from './outgoing-streams.ts';
import { RoundTrip } from './round-trip.ts';
import { shakeHands } from './shake-hands.ts';
import { SilenceWatch } from './silence-watch.ts';

/** A peer as the transport keeps it. */
export interface KnownPeer {
  id: PeerId;
  identity: GatewayIdentity;
  host: string;
  port: number;
  key: Buffer;
}

export interface PeerLinkOptions {
  own: GatewayIdentity;
  peer: KnownPeer;
  clock: Clock;
  hlc: HlcClock;
  random: Random;
  log: Logger;
  limits: TransportLimits;
  counters: TransportCounters;
  onUp: () => void;
  onDown: (down: PeerDown) => void;
}

/** Between the dials that decide why a connection was lost. */
const REDIAL_MS = 5;

/** What one established connection needs. */
interface Session {
  connection: Connection;
  streams: OutgoingStreams;
  roundTrip: RoundTrip;
  watch: SilenceWatch;
}

/**
 * Our connection to one peer, on which we send and it answers; what the peer sends on its own comes over the connection that
 * it dials. A lost connection is dialled at once: when the address refuses, the process is dead, and those who listen know it
 * within a round trip. Otherwise attempts are spaced by a jittered back-off.
 */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  #session: Session | undefined;
  #dialling: Connection | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  /** A connection was lost, and onDown not called yet. */
  #verdict: { byRemote: boolean; timer: Timer } | undefined;
  #lastError: LatticeError | undefined;
  #isStopped = false;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
  }

  start(): void {
    this.#dial();
  }

  /** No callback is called afterwards. Returns whether onUp was called last. Safe twice. */
  stop(): boolean {
    const wasUp = this.#session !== undefined || this.#verdict !== undefined;
    this.#isStopped = true;
    this.#retry?.cancel();
    this.#verdict?.timer.cancel();
    this.#verdict = undefined;
    const letGo = new LatticeError('RPC_UNREACHABLE', 'The transport has let go of the peer.');
    this.#dialling?.abandon(letGo);
    const session = this.#session;
    this.#session = undefined;
    session?.watch.stop();
    session?.connection.close();
    session?.streams.failAll(letGo);
    return wasUp;
  }

  /** The peer has dialled us, so it can be dialled: no need to sit the back-off out. */
  peerIsThere(): void {
    if (this.#session !== undefined || this.#dialling !== undefined || this.#isStopped) return;
    this.#retry?.cancel();
    this.#dial();
  }

  get isUp(): boolean {
    return this.#session !== undefined;
  }

  state(): PeerState {
    const session = this.#session;
    return {
      id: this.#options.peer.id,
      isUp: this.isUp,
      roundTripMs: session?.roundTrip.smoothedMs,
      roundTripMsMin: session?.roundTrip.minMs,
      lastError: session === undefined ? this.#lastError?.message : undefined,
    };
  }

  send(channel: string, bytes: Uint8Array): boolean {
    const { counters, limits, hlc } = this.#options;
    const connection = this.#session?.connection;
    if (connection === undefined) {
      counters.droppedNotConnected += 1;
      return false;
    }
    if (connection.writableBytes + bytes.length > limits.queueBytesMax) {
      counters.droppedQueueFull += 1;
      return false;
    }
    counters.framesSent += 1;
    connection.send({ kind: 'message', stampMs: hlc.now(), channel, body: bytes });
    return true;
  }

  /** See Transport.sendStream. */
  async sendStream(channel: string, meta: Uint8Array, source: ByteSource): Promise<void> {
    const { counters, peer } = this.#options;
    if (this.#session === undefined) {
      counters.streamsFailed += 1;
      throw new LatticeError('RPC_UNREACHABLE', `There is no connection to ${peer.id}.`);
    }
    try {
      await this.#session.streams.send(channel, meta, source);
      counters.streamsSent += 1;
    } catch (error) {
      counters.streamsFailed += 1;
      throw error;
    }
  }

  #dial(): void {
    const { own, peer, clock, limits, counters } = this.#options;
    const nonce = randomBytes(18).toString('base64');
    const socket = connect({ host: peer.host, port: peer.port });
    const connection = new Connection(socket, clock, counters, `${peer.host}:${peer.port}`);
    this.#dialling = connection;
    shakeHands({
      connection,
      handshake: new DialerHandshake({ own, nonce, peer: peer.identity, key: peer.key }),
      clock,
      timeoutMs: limits.handshakeTimeoutMs,
      onEstablished: () => this.#onEstablished(connection),
      onFailed: (error) => this.#onFailed(error),
    });
  }

  #onEstablished(connection: Connection): void {
    const { peer, clock, hlc, limits, counters, log, onUp } = this.#options;
    this.#dialling = undefined;
    this.#tellDown(false);
    if (this.#isStopped) return;
    const roundTrip = new RoundTrip();
    const streams = new OutgoingStreams(connection, hlc);
    const ping = (): void => connection.send({ kind: 'ping', id: roundTrip.ping(clock.monotonicMs()) });
    const onSilence = (): void =>
      connection.abandon(new LatticeError('RPC_UNREACHABLE', `${peer.id} was not heard of for too long.`));
    const watch = new SilenceWatch(clock, limits, { onTick: ping, onSilence });
    const session = { connection, streams, roundTrip, watch };
    connection.onFrame = (frame) => this.#onFrame(session, frame);
    connection.onDrain = () => streams.onDrain();
    connection.onClose = (ending) => this.#onLost(session, ending);
    this.#session = session;
    this.#failures = 0;
    this.#lastError = undefined;
    counters.connectionsOpened += 1;
    ping();
    log.info({ peer: peer.id }, 'connected to the gateway');
    onUp();
  }

  #onFrame({ streams, roundTrip, watch }: Session, frame: Frame): void {
    watch.heard();
    switch (frame.kind) {
      case 'pong':
        if (!roundTrip.pong(frame.id, this.#options.clock.monotonicMs())) throw frameFault('A PONG to no PING.');
        return;
      case 'streamTaken':
        streams.onTaken(frame.stream, frame.bytes);
        return;
      case 'streamDone':
        streams.onDone(frame.stream);
        return;
      case 'streamFailed':
        streams.onFailed(frame.stream, frame.reason);
        return;
      default:
        throw frameFault(`A frame "${frame.kind}" from a listener.`);
    }
  }

  #onLost({ streams, watch }: Session, { error, byRemote }: Ending): void {
    const { peer, clock, limits, counters, log } = this.#options;
    watch.stop();
    this.#session = undefined;
    this.#lastError = error;
    counters.connectionsLost += 1;
    if (error.code !== 'RPC_UNREACHABLE') counters.framesInvalid += 1;
    log.warn({ peer: peer.id, code: error.code }, `lost the gateway: ${error.message}`);
    this.#verdict = { byRemote, timer: clock.setTimer(limits.verdictTimeoutMs, () => this.#tellDown(false)) };
    streams.failAll(error);
    if (!this.#isStopped) this.#dial();
  }

  #onFailed(error: LatticeError): void {
    const { peer, clock, random, limits, counters, log } = this.#options;
    this.#dialling = undefined;
    if (this.#isStopped) return;
    const isRefused = errnoOf(error.cause) === 'ECONNREFUSED';
    if (error.code !== 'RPC_UNREACHABLE') counters.handshakesFailed += 1;
    // Once for each reason: attempts go on for as long as the peer is away.
    if (this.#lastError?.message !== error.message) {
      log.warn({ peer: peer.id, code: error.code }, `no connection to the gateway: ${error.message}`);
    }
    this.#lastError = error;
    if (isRefused) this.#tellDown(this.#verdict?.byRemote === true);
    // A dying process may still take a connection and reset it; it will refuse the next one.
    const waitMs = this.#verdict === undefined ? backoffMs(this.#failures++, random, limits.backoff) : REDIAL_MS;
    if (!this.#isStopped) this.#retry = clock.setTimer(waitMs, () => this.#dial());
  }

  #tellDown(refused: boolean): void {
    const verdict = this.#verdict;
    if (verdict === undefined) return;
    verdict.timer.cancel();
    this.#verdict = undefined;
    this.#options.onDown({ refused });
  }
}
