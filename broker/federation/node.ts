import type { Logger } from 'pino';
import { LatticeError } from '../../core/errors/index.ts';
import { type Clock, repeat, type Timer } from '../../core/time/index.ts';
import type { StreamState } from '../../core/wire/index.ts';
import { CATCH_UP, CAUGHT_UP, CatchUp } from './catch-up.ts';
import { Gossip } from './gossip.ts';
import { InterestTable } from './interest/index.ts';
import { encodeApplied, InterestAnnouncer } from './interest-announcer.ts';
import { InterestFollower } from './interest-follower.ts';
import type { LinkLimits } from './limits.ts';
import type { Neighbour, NeighbourEvents } from './neighbour.ts';
import { OwnLife } from './own-life.ts';
import type { FederationPort } from './port.ts';
import { RetainedSync } from './retained-sync.ts';
import { Streams } from './streams.ts';
import { LinkStateDatabase, type Routes } from './topology/index.ts';
import { DATAGRAM_BYTES_MAX } from './wire/index.ts';

export interface NodeOptions {
  port: FederationPort;
  /** Random for each start of the process. */
  boot: string;
  /** It carries nothing between others. */
  isLeaf: boolean;
  limits: LinkLimits;
  clock: Clock;
  log: Logger;
  /** This broker is in a new life: its links have to begin anew. */
  onRenewed: () => void;
}

const TICKS = 4;
const APPLIED = 'applied';

type ReachableCallback = (joined: readonly string[], left: readonly string[]) => void;

/**
 * One broker's part in the federation: it floods what brokers say of themselves and of what their clients want, sends its
 * clients' messages along shortest paths, and passes on what is for others. It knows neighbours, not sockets, so that a
 * simulator runs the same object.
 */
export class FederationNode {
  readonly #options: NodeOptions;
  readonly #neighbours = new Map<string, Neighbour>();
  readonly #database: LinkStateDatabase;
  readonly #interest: InterestTable;
  readonly #announcer: InterestAnnouncer;
  readonly #follower: InterestFollower;
  readonly #retained: RetainedSync;
  readonly #catchUp: CatchUp;
  readonly #streams: Streams;
  readonly #life: OwnLife;
  readonly #gossip: Gossip;
  readonly #datagramHandlers = new Map<string, (from: string, body: Buffer) => void>();
  readonly #reachableCallbacks = new Set<ReachableCallback>();
  readonly events: NeighbourEvents;
  #reachable: readonly string[] = [];
  #timers: Timer[] = [];
  #isStopped = false;

  constructor(options: NodeOptions) {
    const { port, boot, isLeaf, limits, clock, log } = options;
    const { brokerId, incarnation } = port;
    this.#options = options;
    this.#database = new LinkStateDatabase({ node: brokerId, incarnation, boot, isLeaf });
    this.#interest = new InterestTable((node) => this.#database.of(node)?.boot);
    const routes = (): Routes => this.#database.routes();
    this.#life = new OwnLife({
      port,
      clock,
      log,
      floodOwn: () => this.#gossip.flood({ type: 'advertisement', ...this.#database.own }),
      onRenewed: (renewed) => {
        this.#gossip.advertise({ incarnation: renewed });
        if (!this.#isStopped) options.onRenewed();
      },
    });
    this.#follower = new InterestFollower({
      brokerId,
      table: this.#interest,
      database: this.#database,
      clock,
      log,
      neighbourTo: (node) => this.#neighbours.get(routes().nextHop(node) ?? ''),
      tellApplied: (node, ofBoot, version) => void this.send(node, APPLIED, encodeApplied(ofBoot, version)),
    });
    this.#gossip = new Gossip({
      port,
      log,
      database: this.#database,
      interest: this.#interest,
      follower: this.#follower,
      neighbours: () => this.#neighbours.values(),
      ownSnapshot: () => this.#announcer.snapshot(),
      onOutbid: (count) => this.#life.outbid(count),
      onRoutes: () => this.#routesChanged(),
      onLearned: () => this.#streams.outflow.onInterest(),
    });
    this.#streams = new Streams({
      port,
      limits,
      clock,
      log,
      interest: this.#interest,
      database: this.#database,
      isCurrent: (node) => this.#follower.isCurrent(node),
      neighbourOf: (peer) => this.#neighbours.get(peer),
      onOlder: (node) => this.#life.renew(node),
      onAdvanced: (node) => this.#catchUp.onAdvanced(node),
      onDatagram: ({ kind, from, body }) => this.#datagramHandlers.get(kind)?.(from, Buffer.from(body)),
    });
    this.#announcer = new InterestAnnouncer({
      port,
      boot,
      clock,
      flood: (frames) => {
        for (const frame of frames) this.#gossip.flood(frame);
      },
      onChanged: (interestVersion, interestHash) => this.#gossip.advertise({ interestVersion, interestHash }),
      reachable: () => this.#reachable,
    });
    this.#retained = new RetainedSync({
      port,
      limits,
      clock,
      settled: () => this.#streams.inflow.settled(),
      hasReached: (peer: string, position: number) => this.#streams.outflow.hasReached(peer, position),
    });
    this.#catchUp = new CatchUp({
      brokerId,
      boot,
      clock,
      reachable: () => this.#reachable,
      send: (to, kind, body) => void this.send(to, kind, body),
      position: () => port.journal.nextPosition,
      hasReached: (node, position) => this.#streams.outflow.hasReached(node, position),
    });
    this.events = {
      onData: (neighbour, frame) => this.#streams.forwarder.data(frame, neighbour),
      onAck: (_neighbour, ack) => this.#streams.forwarder.ack(ack),
      onDatagram: (_neighbour, datagram) => this.#streams.forwarder.datagram(datagram),
      onControl: (neighbour, frame) => this.#gossip.onControl(neighbour, frame),
      onRetained: (neighbour, frame) => this.#retained.onFrame(neighbour, frame),
      onRoom: ({ peer }) => {
        this.#streams.volatile.flush(peer);
        this.#streams.outflow.wake();
      },
      stampMs: () => port.stampMs(),
      observeStampMs: (stampMs, peer) => port.observeStampMs(stampMs, peer),
    };
    this.onDatagram(APPLIED, (from, body) => this.#announcer.onApplied(from, body));
    this.onDatagram(CATCH_UP, (from, body) => this.#catchUp.onQuestion(from, body));
    this.onDatagram(CAUGHT_UP, (from, body) => this.#catchUp.onAnswer(from, body));
  }

  /** `awaited`: brokers for which messages wait from the first one on, though they have never been seen. */
  async start(awaited: readonly string[]): Promise<void> {
    const { limits, clock } = this.#options;
    await this.#streams.start(awaited);
    this.#announcer.start();
    this.#retained.start();
    this.#timers = [
      repeat(clock, limits.keepAliveMs / TICKS, () => this.#onTick()),
      repeat(clock, limits.refreshMs, () => this.#gossip.flood({ type: 'advertisement', ...this.#database.refresh() })),
    ];
  }

  /** Resolves when the broker has settled what it was handed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#life.stop();
    this.#announcer.stop();
    this.#catchUp.stop();
    this.#retained.stop();
    await this.#streams.stop();
    await this.#life.settled();
  }

  get reachable(): readonly string[] {
    return this.#reachable;
  }

  /** The brokers on the way to one, itself the last. */
  pathTo(node: string): readonly string[] | undefined {
    return this.#database.routes().path(node);
  }

  streams(): StreamState[] {
    return this.#streams.outflow.destinations().map((to) => {
      const path = this.pathTo(to) ?? [];
      const droppedBy = this.#streams.tally.lostOf(to);
      const dropped = Object.values(droppedBy).reduce((sum, count) => sum + count, 0);
      return { to, isReachable: path.length > 0, path: [...path], ...this.behind(to), dropped, droppedBy };
    });
  }

  backlogOf(node: string): number {
    return this.#streams.outflow.backlogOf(node);
  }

  /** How far a broker is behind this one. */
  behind(node: string): Pick<StreamState, 'backlogMessages' | 'backlogBytes' | 'backlogAgeMs' | 'interestLag'> {
    const { bytes, ageMs } = this.#streams.outflow.backlogSizeOf(node);
    return {
      backlogMessages: this.backlogOf(node),
      backlogBytes: bytes,
      backlogAgeMs: ageMs,
      interestLag: this.#announcer.lagOf(node),
    };
  }

  onReachableChanged(callback: ReachableCallback): () => void {
    this.#reachableCallbacks.add(callback);
    return () => this.#reachableCallbacks.delete(callback);
  }

  send(to: string, kind: string, body: Uint8Array): boolean {
    if (body.length > DATAGRAM_BYTES_MAX) {
      throw new LatticeError('INTERNAL', `A datagram "${kind}" of ${body.length} bytes cannot be sent.`);
    }
    if (this.#database.routes().nextHop(to) === undefined) return false;
    const { port, limits } = this.#options;
    const { hopsMax: hopsLeft } = limits;
    this.#streams.forwarder.datagram({ to, from: port.brokerId, kind, hopsLeft, body: Buffer.from(body) });
    return true;
  }

  onDatagram(kind: string, handler: (from: string, body: Buffer) => void): () => void {
    this.#datagramHandlers.set(kind, handler);
    return () => this.#datagramHandlers.delete(kind);
  }

  interestSettled(timeoutMs: number): Promise<boolean> {
    return this.#announcer.settled(timeoutMs);
  }

  caughtUp(node: string, timeoutMs: number): Promise<boolean> {
    return this.#catchUp.caughtUp(node, timeoutMs);
  }

  shareNodes(topic: string): ReadonlyMap<string, readonly string[]> {
    return this.#interest.routeOf(topic).shares;
  }

  mustFollow(topic: string): boolean {
    return this.#streams.followed.has(topic);
  }

  isWanted(topic: string): boolean {
    if (this.#streams.outflow.hasStrangers) return true;
    const { nodes, shares } = this.#interest.routeOf(topic);
    return nodes.size > 0 || shares.size > 0;
  }

  /** A link is up. */
  attach(neighbour: Neighbour): void {
    this.#neighbours.set(neighbour.peer, neighbour);
    neighbour.start();
    neighbour.control({ type: 'filters', ...neighbour.filters.own });
    this.#neighboursChanged();
    for (const advertisement of this.#database.all()) neighbour.control({ type: 'advertisement', ...advertisement });
    this.#retained.attach(neighbour);
  }

  /** It is down. */
  detach(neighbour: Neighbour): void {
    if (this.#neighbours.get(neighbour.peer) !== neighbour) return;
    this.#streams.volatile.drop(neighbour.peer);
    this.#neighbours.delete(neighbour.peer);
    this.#retained.detach(neighbour);
    this.#follower.onDetached(neighbour);
    if (!this.#isStopped) this.#neighboursChanged();
  }

  #onTick(): void {
    const { clock, limits } = this.#options;
    for (const neighbour of this.#neighbours.values()) neighbour.onTick();
    this.#streams.outflow.onTick();
    this.#retained.onTick();
    this.#follower.onTick(this.#reachable);
    this.#catchUp.onTick();
    // As long as something may wait for a broker, what it wants is not forgotten.
    for (const node of this.#database.forget(clock.monotonicMs(), limits.backlogAgeMsMax)) this.#interest.forget(node);
  }

  #neighboursChanged(): void {
    this.#gossip.advertise({ neighbours: [...this.#neighbours.keys()] });
    this.#routesChanged();
  }

  #routesChanged(): void {
    const { reachable } = this.#database.routes();
    const joined = reachable.filter((node) => !this.#reachable.includes(node));
    const left = this.#reachable.filter((node) => !reachable.includes(node));
    this.#reachable = reachable;
    this.#streams.outflow.onRoutes();
    if (joined.length === 0 && left.length === 0) return;
    this.#follower.onJoined(joined);
    this.#announcer.onReachable(left);
    this.#catchUp.onLeft(left);
    for (const callback of this.#reachableCallbacks) callback(joined, left);
  }
}
