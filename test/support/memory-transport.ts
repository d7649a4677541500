import { LatticeError } from '../../core/errors/index.ts';
import { type Clock, HlcClock } from '../../core/time/index.ts';
import { newCounters } from '../../gateway/transport/counters.ts';
import {
  type ByteSource,
  type GatewayIdentity,
  type Peer,
  type PeerId,
  type PeerState,
  peerIdOf,
  type Transport,
} from '../../gateway/transport/index.ts';
import { Listeners } from '../../gateway/transport/listeners.ts';

/** Gateways in one process. Frames take delayMs of the clock each way; cuts are one-way or both ways, and are noticed at once. */
export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #members = new Map<string, MemoryTransport>();
  readonly #cuts = new Set<string>();
  delayMs = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The clock is the network's but for the wall time, which may be the gateway's own. */
  transport(own: GatewayIdentity, wall: Pick<Clock, 'wallMs'> = this.#clock): MemoryTransport {
    return new MemoryTransport(own, this, this.#clock, wall);
  }

  join(member: MemoryTransport): void {
    this.#members.set(keyOf(member.own), member);
    this.#settle();
  }

  leave(member: MemoryTransport): void {
    this.#members.delete(keyOf(member.own));
    this.#settle();
  }

  /** What `from` sends to `to` is lost until mend(). */
  cut(from: GatewayIdentity, to: GatewayIdentity): void {
    this.#cuts.add(`${keyOf(from)} ${keyOf(to)}`);
    this.#settle();
  }

  mend(): void {
    this.#cuts.clear();
    this.#settle();
  }

  /** The member, when it can be reached. */
  reach(from: GatewayIdentity, to: GatewayIdentity): MemoryTransport | undefined {
    return this.#cuts.has(`${keyOf(from)} ${keyOf(to)}`) ? undefined : this.#members.get(keyOf(to));
  }

  isMember(identity: GatewayIdentity): boolean {
    return this.#members.has(keyOf(identity));
  }

  /** Somebody came, went, or was cut off: each finds out after the delay of the network. */
  #settle(): void {
    this.#clock.setTimer(this.delayMs, () => {
      for (const member of this.#members.values()) member.look();
    });
  }
}

/** A frame, or the beginning of a stream. */
interface StampedBytes {
  channel: string;
  bytes: Buffer;
  stampMs: number;
}

/** The fake behind the port Transport. Peers that do not know each other have no connection, as over TCP. */
export class MemoryTransport implements Transport {
  readonly own: GatewayIdentity;
  readonly hlc: HlcClock;
  readonly #network: MemoryNetwork;
  readonly #clock: Clock;
  readonly #listeners = new Listeners();
  readonly #counters = newCounters();
  readonly #peers = new Map<PeerId, GatewayIdentity>();
  /** By peer, what breaks when the connection does. */
  readonly #up = new Map<PeerId, AbortController>();
  #isStarted = false;

  constructor(own: GatewayIdentity, network: MemoryNetwork, clock: Clock, wall: Pick<Clock, 'wallMs'>) {
    this.own = own;
    this.hlc = new HlcClock({ clock: { monotonicMs: () => clock.monotonicMs(), wallMs: () => wall.wallMs() } });
    this.#network = network;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#isStarted = true;
    this.#network.join(this);
  }

  async stop(): Promise<void> {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    for (const connection of this.#up.values()) connection.abort();
    this.#up.clear();
    this.#network.leave(this);
  }

  setPeer({ name, site = this.own.site }: Peer): PeerId {
    const id = peerIdOf({ site, name }, this.own.site);
    this.#peers.set(id, { site, name });
    if (this.#isStarted) this.#network.join(this);
    return id;
  }

  removePeer(id: PeerId): void {
    this.#peers.delete(id);
    this.#up.get(id)?.abort();
    this.#up.delete(id);
    if (this.#isStarted) this.#network.join(this);
  }

  peers(): PeerState[] {
    const roundTripMs = 2 * this.#network.delayMs;
    return [...this.#peers.keys()].map((id) => {
      const isUp = this.#up.has(id);
      const measured = isUp ? roundTripMs : undefined;
      return { id, isUp, roundTripMs: measured, roundTripMsMin: measured, lastError: undefined };
    });
  }

  isUp(id: PeerId): boolean {
    return this.#up.has(id);
  }

  /** Finds out who can be reached by now. */
  look(): void {
    for (const [id, identity] of this.#peers) {
      const other = this.#network.reach(this.own, identity);
      const isReached = this.#isStarted && other?.knows(this.own) === true;
      if (isReached === this.#up.has(id)) continue;
      if (isReached) {
        this.#up.set(id, new AbortController());
        this.#counters.connectionsOpened += 1;
        this.#listeners.tellUp(id);
      } else {
        this.#up.get(id)?.abort();
        this.#up.delete(id);
        this.#counters.connectionsLost += 1;
        this.#listeners.tellDown(id, { refused: !this.#network.isMember(identity) });
      }
    }
  }

  send(id: PeerId, channel: string, bytes: Uint8Array): boolean {
    const identity = this.#peers.get(id);
    if (identity === undefined || !this.#up.has(id)) {
      this.#counters.droppedNotConnected += 1;
      return false;
    }
    this.#counters.framesSent += 1;
    const frame = { channel, bytes: Buffer.from(bytes), stampMs: this.hlc.now() };
    this.#clock.setTimer(this.#network.delayMs, () => {
      this.#network.reach(this.own, identity)?.receive(this.own, frame);
    });
    return true;
  }

  async sendStream(id: PeerId, channel: string, meta: Uint8Array, source: ByteSource): Promise<void> {
    const identity = this.#peers.get(id);
    const connection = this.#up.get(id);
    const other = identity === undefined ? undefined : this.#network.reach(this.own, identity);
    if (connection === undefined || other === undefined) {
      throw new LatticeError('RPC_UNREACHABLE', `There is no connection to ${id}.`);
    }
    const begin = { channel, bytes: Buffer.from(meta), stampMs: this.hlc.now() };
    const broken = Promise.withResolvers<never>();
    const breakOff = () => broken.reject(new LatticeError('RPC_UNREACHABLE', 'The connection ended within a stream.'));
    connection.signal.addEventListener('abort', breakOff);
    try {
      await Promise.race([broken.promise, other.receiveStream(this.own, begin, source)]);
      this.#counters.streamsSent += 1;
    } catch (error) {
      this.#counters.streamsFailed += 1;
      throw error;
    } finally {
      connection.signal.removeEventListener('abort', breakOff);
    }
  }

  onFrame: Transport['onFrame'] = (channel, listener) => this.#listeners.onFrame(channel, listener);
  onStream: Transport['onStream'] = (channel, listener) => this.#listeners.onStream(channel, listener);
  onPeerUp: Transport['onPeerUp'] = (listener) => this.#listeners.onPeerUp(listener);
  onPeerDown: Transport['onPeerDown'] = (listener) => this.#listeners.onPeerDown(listener);

  counters(): ReturnType<Transport['counters']> {
    return { ...this.#counters };
  }

  knows(identity: GatewayIdentity): boolean {
    return this.#isStarted && this.#peers.has(peerIdOf(identity, this.own.site));
  }

  receive(from: GatewayIdentity, { channel, bytes, stampMs }: StampedBytes): void {
    if (!this.knows(from)) return;
    const believedMs = this.#believed(from, stampMs);
    const listener = this.#listeners.frameListener(channel);
    if (listener === undefined) {
      this.#counters.droppedNoListener += 1;
      return;
    }
    this.#counters.framesReceived += 1;
    listener(peerIdOf(from, this.own.site), bytes, believedMs);
  }

  async receiveStream(from: GatewayIdentity, begin: StampedBytes, source: ByteSource): Promise<void> {
    const { channel, bytes: meta, stampMs } = begin;
    const believedMs = this.#believed(from, stampMs);
    const listener = this.#listeners.streamListener(channel);
    if (listener === undefined) throw new LatticeError('RPC_FAILED', `Nobody listens to ${channel}.`);
    let isRead = false;
    let fault: { cause: unknown } | undefined;
    async function* chunks(): AsyncGenerator<Buffer> {
      try {
        for await (const bytes of source) yield Buffer.from(bytes);
      } catch (cause) {
        fault = { cause };
        throw new LatticeError('RPC_UNREACHABLE', 'A stream broke off.');
      }
      isRead = true;
    }
    try {
      await listener(peerIdOf(from, this.own.site), meta, chunks(), believedMs);
    } catch (error) {
      if (fault !== undefined) throw fault.cause;
      const reason = error instanceof LatticeError ? error.message : 'a fault of the receiver.';
      throw new LatticeError('RPC_FAILED', `The stream was not taken: ${reason}`);
    }
    if (!isRead) throw new LatticeError('RPC_FAILED', 'The stream was not read to its end.');
    this.#counters.streamsReceived += 1;
  }

  #believed(from: GatewayIdentity, stampMs: number): number | undefined {
    if (this.hlc.receive(stampMs, peerIdOf(from, this.own.site))) return stampMs;
    this.#counters.stampsRefused += 1;
    return undefined;
  }
}

function keyOf({ site, name }: GatewayIdentity): string {
  return `${site}/${name}`;
}
