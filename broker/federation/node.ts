import type { Logger } from 'pino';
import { LatticeError } from '../../core/errors/index.ts';
import { type Clock, repeat, type Timer } from '../../core/time/index.ts';
import type { StreamState } from '../../core/wire/index.ts';
import { Forwarder } from './forwarder.ts';
import { type InterestFrame, InterestTable } from './interest/index.ts';
import { encodeApplied, InterestAnnouncer } from './interest-announcer.ts';
import { InterestFollower } from './interest-follower.ts';
import type { DropCause, LinkCounters, LinkLimits } from './limits.ts';
import type { Neighbour, NeighbourEvents } from './neighbour.ts';
import type { FederationPort } from './port.ts';
import { RetainedSync } from './retained-sync.ts';
import { FollowedTopics, Inflow, Outflow, VolatileOutflow } from './stream/index.ts';
import { type Advertisement, type AdvertisementChange, LinkStateDatabase, type Routes } from './topology/index.ts';
import { type ControlFrame, DATAGRAM_BYTES_MAX, type DataFrame } from './wire/index.ts';

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
const OUTBIDS_AT_ONCE = 20;
const OUTBID_PAUSE_MS = 5_000;

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
  readonly #outflow: Outflow;
  readonly #volatile: VolatileOutflow;
  readonly #followed: FollowedTopics;
  readonly #inflow: Inflow;
  readonly #forwarder: Forwarder;
  readonly #retained: RetainedSync;
  readonly #datagramHandlers = new Map<string, (from: string, body: Buffer) => void>();
  readonly #reachableCallbacks = new Set<ReachableCallback>();
  /** By destination, messages that were given up while there was no way to it, by cause. */
  readonly #lost = new Map<string, Partial<Record<DropCause, number>>>();
  readonly events: NeighbourEvents;
  #reachable: readonly string[] = [];
  #timers: Timer[] = [];
  #unsubscribe: () => void = () => {};
  #isStopped = false;
  #outbidTimer: Timer | undefined;
  #renewal: Promise<void> | undefined;

  constructor(options: NodeOptions) {
    const { port, boot, isLeaf, limits, clock, log } = options;
    const { brokerId, incarnation } = port;
    this.#options = options;
    this.#database = new LinkStateDatabase({ node: brokerId, incarnation, boot, isLeaf });
    this.#interest = new InterestTable((node) => this.#database.of(node)?.boot);
    const routes = (): Routes => this.#database.routes();
    this.#follower = new InterestFollower({
      brokerId,
      table: this.#interest,
      database: this.#database,
      clock,
      log,
      neighbourTo: (node) => this.#neighbours.get(routes().nextHop(node) ?? ''),
      tellApplied: (node, ofBoot, version) => void this.send(node, APPLIED, encodeApplied(ofBoot, version)),
    });
    const outlet = {
      hasRoom: (hop: string) => this.#neighbours.get(hop)?.hasRoom === true,
      send: (hop: string, frame: DataFrame) => void this.#neighbours.get(hop)?.data(frame),
      lets: (hop: string, topic: string) => this.#neighbours.get(hop)?.filters.letsOut(topic) === true,
    };
    const onSent = (hop: string, messages: number): void => {
      const counters = this.#countersOf(hop);
      if (counters !== undefined) counters.sent += messages;
    };
    const shared = { port, interest: this.#interest, routes, outlet, limits, onSent };
    this.#outflow = new Outflow({
      ...shared,
      clock,
      isCurrent: (node) => this.#follower.isCurrent(node),
      incarnationOf: (node) => this.#database.of(node)?.incarnation,
      onResend: (node) => {
        const counters = this.#countersOf(routes().nextHop(node));
        if (counters !== undefined) counters.resends += 1;
      },
      onOlder: (node) => this.#renew(node),
      onDropped: (node, cause, count) => {
        this.#countDropped(node, cause, count);
        log.error({ code: 'LINK_BACKLOG_DROPPED', node, cause, count }, 'messages for another broker were given up');
      },
      onFailed: (error) => log.error({ error }, 'the streams to other brokers have stopped'),
    });
    this.#volatile = new VolatileOutflow({
      ...shared,
      onDropped: (hop, count) => {
        const counters = this.#countersOf(hop);
        if (counters !== undefined) counters.dropped.volatile += count;
      },
      onUnreachable: (node) => this.#countDropped(node, 'volatile', 1),
    });
    this.#followed = new FollowedTopics((until) => this.#outflow.haveAllReached(until));
    this.#inflow = new Inflow({
      port,
      incarnationOf: (origin) => this.#database.of(origin)?.incarnation,
      acknowledge: (origin, ofIncarnation, acceptedUntil, isRewind) => {
        const position = acceptedUntil - 1;
        const { hopsMax: hopsLeft } = limits;
        this.#forwarder.ack({
          origin,
          destination: brokerId,
          incarnation: ofIncarnation,
          position,
          isRewind,
          hopsLeft,
        });
      },
    });
    this.#forwarder = new Forwarder({
      brokerId,
      routes,
      neighbourOf: (peer) => this.#neighbours.get(peer),
      onData: (frame, index, { filters, counters }) => this.#inflow.onFrame(frame, index, filters, counters),
      onAck: (ack) => {
        if (ack.incarnation !== port.incarnation) return;
        this.#outflow.onAck(ack.destination, ack.position + 1, ack.isRewind);
      },
      onDatagram: ({ kind, from, body }) => this.#datagramHandlers.get(kind)?.(from, Buffer.from(body)),
    });
    this.#announcer = new InterestAnnouncer({
      port,
      boot,
      clock,
      flood: (frames) => {
        for (const frame of frames) this.#flood(frame);
      },
      onChanged: (interestVersion, interestHash) => this.#advertise({ interestVersion, interestHash }),
      reachable: () => this.#reachable,
    });
    this.#retained = new RetainedSync({
      port,
      limits,
      clock,
      settled: () => this.#inflow.settled(),
      hasReached: (peer: string, position: number) => this.#outflow.hasReached(peer, position),
    });
    this.events = {
      onData: (neighbour, frame) => this.#forwarder.data(frame, neighbour),
      onAck: (_neighbour, ack) => this.#forwarder.ack(ack),
      onDatagram: (_neighbour, datagram) => this.#forwarder.datagram(datagram),
      onControl: (neighbour, frame) => this.#onControl(neighbour, frame),
      onRetained: (neighbour, frame) => this.#retained.onFrame(neighbour, frame),
      onRoom: ({ peer }) => {
        this.#volatile.flush(peer);
        this.#outflow.wake();
      },
      stampMs: () => port.stampMs(),
      observeStampMs: (stampMs) => port.observeStampMs(stampMs),
    };
    this.onDatagram(APPLIED, (from, body) => this.#announcer.onApplied(from, body));
  }

  /** `awaited`: brokers for which messages wait from the first one on, though they have never been seen. */
  async start(awaited: readonly string[]): Promise<void> {
    const { port, limits, clock } = this.#options;
    await this.#outflow.start(awaited);
    this.#announcer.start();
    this.#retained.start();
    const unsubscribes = [
      port.onVolatile((message) => this.#volatile.offer(message)),
      port.onJournalledVolatile((topic, position) => this.#followed.note(topic, position)),
    ];
    this.#unsubscribe = () => {
      for (const unsubscribe of unsubscribes) unsubscribe();
    };
    this.#timers = [
      repeat(clock, limits.keepAliveMs / TICKS, () => this.#onTick()),
      repeat(clock, limits.refreshMs, () => this.#flood({ type: 'advertisement', ...this.#database.refresh() })),
    ];
  }

  /** Resolves when the broker has settled what it was handed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#outbidTimer?.cancel();
    this.#unsubscribe();
    this.#announcer.stop();
    this.#retained.stop();
    await this.#outflow.stop();
    await this.#inflow.settled();
    await this.#renewal;
  }

  get reachable(): readonly string[] {
    return this.#reachable;
  }

  /** The brokers on the way to one, itself the last. */
  pathTo(node: string): readonly string[] | undefined {
    return this.#database.routes().path(node);
  }

  streams(): StreamState[] {
    return this.#outflow.destinations().map((to) => {
      const path = this.pathTo(to) ?? [];
      const droppedBy = { ...this.#lost.get(to) };
      const dropped = Object.values(droppedBy).reduce((sum, count) => sum + count, 0);
      return { to, isReachable: path.length > 0, path: [...path], ...this.behind(to), dropped, droppedBy };
    });
  }

  backlogOf(node: string): number {
    return this.#outflow.backlogOf(node);
  }

  /** How far a broker is behind this one. */
  behind(node: string): Pick<StreamState, 'backlogMessages' | 'backlogBytes' | 'backlogAgeMs' | 'interestLag'> {
    const { bytes, ageMs } = this.#outflow.backlogSizeOf(node);
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
    this.#forwarder.datagram({ to, from: port.brokerId, kind, hopsLeft, body: Buffer.from(body) });
    return true;
  }

  onDatagram(kind: string, handler: (from: string, body: Buffer) => void): () => void {
    this.#datagramHandlers.set(kind, handler);
    return () => this.#datagramHandlers.delete(kind);
  }

  interestSettled(timeoutMs: number): Promise<boolean> {
    return this.#announcer.settled(timeoutMs);
  }

  shareNodes(topic: string): ReadonlyMap<string, readonly string[]> {
    return this.#interest.routeOf(topic).shares;
  }

  mustFollow(topic: string): boolean {
    return this.#followed.has(topic);
  }

  isWanted(topic: string): boolean {
    if (this.#outflow.hasStrangers) return true;
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
    this.#volatile.drop(neighbour.peer);
    this.#neighbours.delete(neighbour.peer);
    this.#retained.detach(neighbour);
    this.#follower.onDetached(neighbour);
    if (!this.#isStopped) this.#neighboursChanged();
  }

  #onTick(): void {
    const { clock, limits } = this.#options;
    for (const neighbour of this.#neighbours.values()) neighbour.onTick();
    this.#outflow.onTick();
    this.#retained.onTick();
    this.#follower.onTick(this.#reachable);
    // As long as something may wait for a broker, what it wants is not forgotten.
    for (const node of this.#database.forget(clock.monotonicMs(), limits.backlogAgeMsMax)) this.#interest.forget(node);
  }

  #onControl(neighbour: Neighbour, frame: ControlFrame): void {
    switch (frame.type) {
      case 'advertisement':
        this.#onAdvertisement(neighbour, frame);
        return;
      case 'interest':
        this.#onInterest(neighbour, frame);
        return;
      case 'filters':
        neighbour.filters.peerHas(frame);
        return;
      case 'interestPull':
        for (const answer of this.#snapshotOf(frame.node)) neighbour.control(answer);
        return;
      default:
    }
  }

  #onAdvertisement(neighbour: Neighbour, { type, ...advertisement }: { type: 'advertisement' } & Advertisement): void {
    const implausible = this.#database.implausible;
    const { flood, answer, isNew } = this.#database.receive(advertisement);
    if (this.#database.implausible > implausible) this.#noteImplausible(neighbour, advertisement);
    if (advertisement.node === this.#options.port.brokerId && flood !== undefined) {
      this.#outbid();
      return;
    }
    if (answer !== undefined) neighbour.control({ type, ...answer });
    if (flood !== undefined) this.#flood({ type, ...flood }, neighbour);
    if (isNew) this.#routesChanged();
    if (flood === undefined) return;
    this.#follower.onAdvertisement(neighbour, advertisement.node);
    this.#outflow.onInterest();
  }

  #noteImplausible({ peer }: Neighbour, { node, sequence }: Advertisement): void {
    const count = this.#database.implausible;
    // The first, and then ever fewer: a flood of them is one fault.
    if (!Number.isInteger(Math.log2(count))) return;
    const fields = { code: 'LINK_PROTOCOL', peer, node, sequence, count };
    this.#options.log.error(fields, 'an advertisement has a sequence that its broker cannot have reached');
  }

  /**
   * Somebody heard of an earlier life of this broker, and hears of this one. Usually that is over with the first answer; two
   * processes under one id would go on for ever, so they do it slowly.
   */
  #outbid(): void {
    const { clock, log, port } = this.#options;
    const floodOwn = (): void => this.#flood({ type: 'advertisement', ...this.#database.own });
    if (this.#database.outbid <= OUTBIDS_AT_ONCE) {
      floodOwn();
      return;
    }
    if (this.#outbidTimer !== undefined) return;
    log.error(
      { code: 'LINK_REFUSED', node: port.brokerId },
      'another process of the mesh goes by the id of this broker',
    );
    this.#outbidTimer = clock.setTimer(OUTBID_PAUSE_MS, () => {
      this.#outbidTimer = undefined;
      floodOwn();
    });
  }

  /** Once: a life that began in this process is known to nobody from before, and whoever says otherwise is wrong. */
  #renew(node: string): void {
    const { port, log, onRenewed } = this.#options;
    if (this.#renewal !== undefined) return;
    log.warn({ code: 'JOURNAL_OLDER', node }, 'another broker has had more from this one than its journal holds');
    this.#renewal = port.renewIncarnation().then(
      () => {
        this.#advertise({ incarnation: port.incarnation });
        if (!this.#isStopped) onRenewed();
      },
      (error: unknown) => {
        this.#renewal = undefined;
        log.error({ error }, 'no new life could be begun; trying again when it is asked for');
      },
    );
  }

  #onInterest(neighbour: Neighbour, frame: InterestFrame): void {
    if (!this.#follower.onFrame(neighbour, frame)) return;
    this.#flood(frame, neighbour);
    this.#outflow.onInterest();
  }

  #snapshotOf(node: string): InterestFrame[] {
    return node === this.#options.port.brokerId ? this.#announcer.snapshot() : this.#interest.snapshot(node);
  }

  #neighboursChanged(): void {
    this.#advertise({ neighbours: [...this.#neighbours.keys()] });
    this.#routesChanged();
  }

  #advertise(change: AdvertisementChange): void {
    const advertisement = this.#database.advertise(change);
    if (advertisement !== undefined) this.#flood({ type: 'advertisement', ...advertisement });
  }

  #routesChanged(): void {
    const { reachable } = this.#database.routes();
    const joined = reachable.filter((node) => !this.#reachable.includes(node));
    const left = this.#reachable.filter((node) => !reachable.includes(node));
    this.#reachable = reachable;
    this.#outflow.onRoutes();
    if (joined.length === 0 && left.length === 0) return;
    this.#follower.onJoined(joined);
    this.#announcer.onReachable(left);
    for (const callback of this.#reachableCallbacks) callback(joined, left);
  }

  #flood(frame: ControlFrame, except?: Neighbour): void {
    for (const neighbour of this.#neighbours.values()) if (neighbour !== except) neighbour.control(frame);
  }

  #countersOf(peer: string | undefined): LinkCounters | undefined {
    return peer === undefined ? undefined : this.#neighbours.get(peer)?.counters;
  }

  /** At the link that leads to the destination; where none does, at its stream. */
  #countDropped(node: string, cause: DropCause, count: number): void {
    const counters = this.#countersOf(this.#database.routes().nextHop(node));
    if (counters !== undefined) {
      counters.dropped[cause] += count;
      return;
    }
    const lost = this.#lost.get(node) ?? {};
    lost[cause] = (lost[cause] ?? 0) + count;
    this.#lost.set(node, lost);
  }
}
