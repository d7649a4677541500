import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { LatticeError } from '../../../core/errors/index.ts';
import { listenError } from '../../../core/process/index.ts';
import type { Random } from '../../../core/random/index.ts';
import { type Clock, HlcClock } from '../../../core/time/index.ts';
import { newCounters } from '../counters.ts';
import { TRANSPORT_LIMITS, type TransportLimits } from '../limits.ts';
import { Listeners } from '../listeners.ts';
import {
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
} from '../types.ts';
import { ListenerHandshake, transportKey } from '../wire/index.ts';
import { Connection } from './connection.ts';
import { type KnownPeer, PeerLink } from './peer-link.ts';
import { ServedPeer } from './served-peer.ts';
import { shakeHands } from './shake-hands.ts';

export interface TcpTransportOptions {
  own: GatewayIdentity;
  /** The secret that all gateways of our site hold. */
  siteKey: string;
  /** Port 0 takes a free one, see address. */
  listen: { host: string; port: number };
  clock: Clock;
  /** For a gateway that stamps more than frames. Default: one of its own on the wall time of `clock`, whose refusals it logs. */
  hlc?: HlcClock;
  random: Random;
  log: Logger;
  limits?: Partial<TransportLimits>;
}

/**
 * Gateways by TCP: every ordered pair has a connection of its own, authenticated both ways by the site key and sealed
 * (AES-256-GCM). Whoever is not a peer with the right key is closed within the handshake.
 */
export class TcpTransport implements Transport {
  readonly hlc: HlcClock;
  readonly #options: TcpTransportOptions;
  readonly #limits: TransportLimits;
  readonly #counters = newCounters();
  readonly #listeners = new Listeners();
  readonly #peers = new Map<PeerId, KnownPeer>();
  readonly #links = new Map<PeerId, PeerLink>();
  readonly #served = new Map<PeerId, ServedPeer>();
  readonly #strangers = new Set<Connection>();
  #server: Server | undefined;
  #address: { host: string; port: number } | undefined;
  #state: 'new' | 'started' | 'stopped' = 'new';

  constructor(options: TcpTransportOptions) {
    this.#options = options;
    this.#limits = { ...TRANSPORT_LIMITS, ...options.limits };
    this.hlc = options.hlc ?? ownHlc(options);
  }

  /** Where it listens, once started. */
  get address(): { host: string; port: number } {
    if (this.#address === undefined) throw new LatticeError('INTERNAL', 'The transport has not been started.');
    return this.#address;
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    const { listen, log } = this.#options;
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    server.listen(listen.port, listen.host);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw listenError(error, listen.host, listen.port);
    }
    server.on('error', (err) => log.warn({ err }, 'a gateway could not be accepted'));
    const bound = server.address() as AddressInfo;
    this.#address = { host: bound.address, port: bound.port };
    for (const peer of this.#peers.values()) this.#connect(peer);
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    for (const link of this.#links.values()) link.stop();
    for (const served of this.#served.values()) served.close();
    for (const stranger of this.#strangers) {
      stranger.abandon(new LatticeError('RPC_UNREACHABLE', 'The transport has been stopped.'));
    }
    const server = this.#server;
    if (server?.listening !== true) return;
    const closed = once(server, 'close');
    server.close();
    await closed;
  }

  setPeer({ name, site = this.#options.own.site, host, port, siteKey = this.#options.siteKey }: Peer): PeerId {
    const identity = { site, name };
    const id = peerIdOf(identity, this.#options.own.site);
    const peer = { id, identity, host, port, key: transportKey(siteKey) };
    const known = this.#peers.get(id);
    if (known?.host === host && known.port === port && known.key.equals(peer.key)) return id;
    const wasUp = this.#forget(id);
    this.#peers.set(id, peer);
    if (wasUp) this.#listeners.tellDown(id, { refused: false });
    if (this.#state === 'started' && this.#address !== undefined) this.#connect(peer);
    return id;
  }

  removePeer(id: PeerId): void {
    this.#forget(id);
  }

  peers(): PeerState[] {
    return [...this.#links.values()].map((link) => link.state());
  }

  isUp(id: PeerId): boolean {
    return this.#links.get(id)?.isUp ?? false;
  }

  send(id: PeerId, channel: string, bytes: Uint8Array): boolean {
    if (bytes.length > MESSAGE_BYTES_MAX) {
      this.#counters.droppedTooLarge += 1;
      return false;
    }
    const link = this.#links.get(id);
    if (link !== undefined) return link.send(channel, bytes);
    this.#counters.droppedNotConnected += 1;
    return false;
  }

  async sendStream(id: PeerId, channel: string, meta: Uint8Array, source: ByteSource): Promise<void> {
    const link = this.#links.get(id);
    if (link === undefined) throw new LatticeError('RPC_UNREACHABLE', `${id} is not a peer.`);
    if (meta.length > MESSAGE_BYTES_MAX)
      throw new LatticeError('RPC_FAILED', `A stream with ${meta.length} bytes of meta.`);
    await link.sendStream(channel, meta, source);
  }

  onFrame(channel: string, listener: FrameListener): Unsubscribe {
    return this.#listeners.onFrame(channel, listener);
  }

  onStream(channel: string, listener: StreamListener): Unsubscribe {
    return this.#listeners.onStream(channel, listener);
  }

  onPeerUp(listener: (peer: PeerId) => void): Unsubscribe {
    return this.#listeners.onPeerUp(listener);
  }

  onPeerDown(listener: (peer: PeerId, down: PeerDown) => void): Unsubscribe {
    return this.#listeners.onPeerDown(listener);
  }

  counters(): TransportCounters {
    return { ...this.#counters };
  }

  #connect(peer: KnownPeer): void {
    const { own, clock, random, log } = this.#options;
    const link = new PeerLink({
      own,
      peer,
      clock,
      hlc: this.hlc,
      random: random.fork(`link to ${peer.id}`),
      log,
      limits: this.#limits,
      counters: this.#counters,
      onUp: () => this.#listeners.tellUp(peer.id),
      onDown: (down) => this.#listeners.tellDown(peer.id, down),
    });
    this.#links.set(peer.id, link);
    link.start();
  }

  /** Whether it was up. */
  #forget(id: PeerId): boolean {
    this.#peers.delete(id);
    this.#served.get(id)?.close();
    this.#served.delete(id);
    const wasUp = this.#links.get(id)?.stop() ?? false;
    this.#links.delete(id);
    return wasUp;
  }

  #accept(socket: Socket): void {
    const { own, clock, log } = this.#options;
    if (this.#strangers.size >= this.#limits.strangersMax) {
      this.#counters.strangersTurnedAway += 1;
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, clock, this.#counters, socket.remoteAddress ?? '');
    this.#strangers.add(connection);
    shakeHands({
      connection,
      handshake: new ListenerHandshake({
        own,
        nonce: randomBytes(18).toString('base64'),
        keyOf: (identity) => this.#keyOf(identity),
      }),
      clock,
      timeoutMs: this.#limits.handshakeTimeoutMs,
      onEstablished: (identity) => {
        this.#strangers.delete(connection);
        this.#serve(peerIdOf(identity, own.site), connection);
      },
      onFailed: (error) => {
        this.#strangers.delete(connection);
        this.#counters.handshakesFailed += 1;
        log.debug({ from: connection.remoteAddress, code: error.code }, `turned away: ${error.message}`);
      },
    });
  }

  #keyOf({ site, name }: GatewayIdentity): Buffer | undefined {
    const peer = this.#peers.get(peerIdOf({ site, name }, this.#options.own.site));
    return peer?.identity.site === site && peer.identity.name === name ? peer.key : undefined;
  }

  #serve(peer: PeerId, connection: Connection): void {
    if (!this.#peers.has(peer)) {
      connection.close();
      return;
    }
    // It dials anew when it has lost the connection, which we may not have noticed.
    this.#served.get(peer)?.close();
    const served = new ServedPeer({
      peer,
      connection,
      clock: this.#options.clock,
      hlc: this.hlc,
      log: this.#options.log,
      limits: this.#limits,
      counters: this.#counters,
      listeners: this.#listeners,
      onEnded: () => {
        if (this.#served.get(peer) === served) this.#served.delete(peer);
      },
    });
    this.#served.set(peer, served);
    this.#links.get(peer)?.peerIsThere();
  }
}

function ownHlc({ clock, log }: TcpTransportOptions): HlcClock {
  const hlc = new HlcClock({ clock });
  hlc.onRefused = ({ peer, aheadMs }) =>
    log.warn(
      { code: 'HLC_STAMP_FUTURE', peer, aheadMs },
      'the clock of the gateway is ahead of the one here, or the one here is behind; its stamps are refused',
    );
  return hlc;
}
