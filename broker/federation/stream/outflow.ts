import type { DurableLog } from '../../../core/log/index.ts';
import { type Clock, delay } from '../../../core/time/index.ts';
import type { InterestTable } from '../interest/index.ts';
import type { DropCause, LinkLimits } from '../limits.ts';
import type { FederatedMessage, FederationPort } from '../port.ts';
import type { Routes } from '../topology/index.ts';
import type { DataFrame, DataMessage } from '../wire/index.ts';
import { AgeMarks } from './age-marks.ts';
import { Destination } from './destination.ts';
import { DESTINATIONS_MAX, groupBy, partOf } from './frame.ts';

/** The links as the streams use them. */
export interface Outlet {
  /** Whether a neighbour's link takes data now. */
  hasRoom(neighbour: string): boolean;
  send(neighbour: string, frame: DataFrame): void;
  /** Whether the filters of a neighbour's link let a topic out. */
  lets(neighbour: string, topic: string): boolean;
}

export interface OutflowOptions {
  port: FederationPort;
  interest: InterestTable;
  routes: () => Routes;
  outlet: Outlet;
  limits: LinkLimits;
  clock: Clock;
  /** Whether what is known of a broker's filters is up to date; until then nothing is passed over for it. */
  isCurrent: (node: string) => boolean;
  /** Which life of its data folder a broker is in. */
  incarnationOf: (node: string) => string | undefined;
  onSent: (neighbour: string, messages: number) => void;
  onResend: (node: string) => void;
  /** A destination has more of this broker's stream than was ever in this journal: the folder went back in time. */
  onOlder: (node: string) => void;
  onDropped: (node: string, cause: DropCause, count: number) => void;
  onFailed: (error: unknown) => void;
}

/** An acknowledgement that asks for what is missing again is passed over for so long after it was followed. */
const REWIND_PAUSE_MS = 50;
const ASK_INTERVAL_MS = 500;
/** Messages that the journal takes in one record. */
const BATCH_MESSAGES_MAX = 4_096;
/** How long nothing is sent after the journal could not be read. */
const RETRY_MS = 1_000;
const CURSOR_PREFIX = 'to-';

/**
 * This broker's streams: what its clients gave to it and somebody elsewhere wants, from its journal, in order, to each other
 * broker. The journal is the only store; a destination's cursor follows what that broker has acknowledged, however many others
 * lie between. Destinations that stand at the same position are served by the same frames, one for each next hop.
 *
 * Those that lag behind are a group of their own. The groups take turns, one batch each, so that what is sent again shares
 * the links with what is new.
 */
export class Outflow {
  readonly #options: OutflowOptions;
  readonly #journal: DurableLog;
  readonly #aborter = new AbortController();
  readonly #destinations = new Map<string, Destination>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #ages: AgeMarks;
  #wake: (() => void) | undefined;
  #isWoken = false;
  #waitsForJournal = false;
  #running: Promise<void> | undefined;
  /** Those for whom messages wait however long they are away. */
  #awaited: ReadonlySet<string> = new Set();
  #hasStrangers: boolean | undefined;
  /** Where the journal ended when this process found it: nobody can have had more from those before. */
  readonly #foundUntil: number;

  constructor(options: OutflowOptions) {
    this.#options = options;
    this.#journal = options.port.journal;
    this.#foundUntil = this.#journal.nextPosition;
    this.#ages = new AgeMarks(options.limits.backlogAgeMsMax);
  }

  /** Opens the cursors of the given brokers and of those that have one, so that what is published from now on waits for them, and begins. */
  async start(nodes: readonly string[]): Promise<void> {
    const names = this.#journal.cursorNames().filter((name) => name.startsWith(CURSOR_PREFIX));
    const known = names.map((name) => name.slice(CURSOR_PREFIX.length));
    this.#awaited = new Set(nodes);
    await Promise.all([...new Set([...nodes, ...known])].map((node) => this.#open(node)));
    this.#running = this.#run();
    this.onInterest();
  }

  async stop(): Promise<void> {
    this.#aborter.abort();
    this.wake();
    await this.#running;
    await Promise.allSettled(this.#opening.values());
    await Promise.all([...this.#destinations.values()].map((destination) => destination.flush()));
  }

  /** Routes have changed: whoever is reached by another way gets again what it has not acknowledged. */
  onRoutes(): void {
    const routes = this.#options.routes();
    for (const node of routes.reachable) if (!this.#destinations.has(node)) this.#tryToOpen(node);
    for (const destination of this.#destinations.values()) this.#follow(destination);
    this.onInterest();
  }

  /** What is known of the destinations' filters has changed. */
  onInterest(): void {
    this.#hasStrangers = undefined;
    this.wake();
  }

  /** A destination says how far it came; `isRewind` asks for what follows, again. */
  onAck(node: string, acceptedUntil: number, isRewind: boolean): void {
    const destination = this.#destinations.get(node);
    if (destination === undefined || destination.path === '') return;
    if (acceptedUntil > Math.max(this.#foundUntil, destination.furthest)) {
      // Believed, what comes at these positions would be passed over. What was found here is the same that it has had.
      destination.giveUp(this.#foundUntil);
      this.#options.onOlder(node);
      return;
    }
    const nowMs = this.#options.clock.monotonicMs();
    if (!destination.isLive) {
      this.#begin(destination, acceptedUntil);
    } else {
      const isNews = destination.onAck(acceptedUntil, nowMs);
      if (isRewind) destination.lower(acceptedUntil);
      if (isRewind && destination.isInFlight && destination.isMissing(acceptedUntil)) {
        this.#sendAgain(destination, isNews, nowMs);
      }
    }
    this.wake();
  }

  #sendAgain(destination: Destination, isNews: boolean, nowMs: number): void {
    if (!isNews && nowMs - destination.rewoundMs < REWIND_PAUSE_MS) return;
    destination.rewoundMs = nowMs;
    destination.rewind();
    this.#options.onResend(destination.node);
  }

  onTick(): void {
    const { clock, limits } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#ages.note(nowMs, this.#journal.durablePosition);
    const expired = this.#ages.expired(nowMs);
    for (const node of this.#options.routes().reachable) if (!this.#destinations.has(node)) this.#tryToOpen(node);
    for (const destination of this.#destinations.values()) {
      if (destination.path === '') {
        if (expired !== undefined) this.#drop(destination, 'age', destination.giveUp(expired));
        if (nowMs - destination.awaySinceMs > limits.backlogAgeMsMax) this.#forget(destination.node);
        continue;
      }
      const isStuck = destination.isInFlight && nowMs - destination.progressMs > limits.resendMs;
      if ((destination.isLive && !isStuck) || nowMs - destination.askedMs < ASK_INTERVAL_MS) continue;
      this.#ask(destination);
    }
  }

  /**
   * Whether it is uncertain what some destination will want when a message of now is sent to it: it is away, or its filters are not
   * up to date, or its cursor is being opened.
   */
  get hasStrangers(): boolean {
    this.#hasStrangers ??= this.#findStrangers();
    return this.#hasStrangers;
  }

  #findStrangers(): boolean {
    if (this.#running === undefined || this.#opening.size > 0) return true;
    for (const { node, path } of this.#destinations.values()) {
      if (path === '' || !this.#options.isCurrent(node)) return true;
    }
    return false;
  }

  /** Every broker that has a cursor here. */
  destinations(): string[] {
    return [...this.#destinations.keys()];
  }

  /** Messages on disk that a destination may want and has not acknowledged. */
  backlogOf(node: string): number {
    const destination = this.#destinations.get(node);
    return destination === undefined ? 0 : Math.max(0, this.#journal.nextPosition - destination.acked);
  }

  /** About what these messages take in the journal, and the age of the oldest, ms: at least, if it is from before the start. */
  backlogSizeOf(node: string): { bytes: number; ageMs: number } {
    const destination = this.#destinations.get(node);
    const { firstPosition, nextPosition, bytes } = this.#journal;
    const start = Math.max(destination?.acked ?? nextPosition, firstPosition);
    if (start >= nextPosition) return { bytes: 0, ageMs: 0 };
    const share = (nextPosition - start) / (nextPosition - firstPosition);
    const ageMs = this.#ages.ageMs(this.#options.clock.monotonicMs(), start);
    return { bytes: Math.round(bytes * share), ageMs: Math.round(ageMs) };
  }

  /** Whether every broker that can be reached has acknowledged everything below a position. */
  haveAllReached(position: number): boolean {
    return this.#options.routes().reachable.every((node) => this.hasReached(node, position));
  }

  /** Whether a destination has acknowledged everything below a position. */
  hasReached(node: string, position: number): boolean {
    const destination = this.#destinations.get(node);
    return destination?.isLive === true && destination.acked >= position;
  }

  /** There may be something to send, or room for it. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  #open(node: string): Promise<void> {
    const known = this.#opening.get(node);
    if (known !== undefined) return known;
    const opening = this.#openCursor(node).finally(() => {
      this.#opening.delete(node);
      this.onInterest();
    });
    this.#opening.set(node, opening);
    return opening;
  }

  /** It is tried again with the next tick. */
  #tryToOpen(node: string): void {
    this.#open(node).catch((error: unknown) => this.#options.onFailed(error));
  }

  async #openCursor(node: string): Promise<void> {
    const cursor = await this.#journal.cursor(CURSOR_PREFIX + node, 'next');
    const destination = new Destination(node, cursor, this.#options.clock.monotonicMs());
    this.#destinations.set(node, destination);
    this.#follow(destination);
  }

  /** A broker that is not in the configuration has been away for too long: nothing waits for it any more. */
  #forget(node: string): void {
    if (this.#awaited.has(node)) return;
    this.#destinations.delete(node);
    this.onInterest();
    this.#journal.removeCursor(CURSOR_PREFIX + node).catch((error: unknown) => this.#options.onFailed(error));
  }

  #follow(destination: Destination): void {
    const { routes, onResend, incarnationOf, clock } = this.#options;
    const path = routes().path(destination.node)?.join('/') ?? '';
    const incarnation = incarnationOf(destination.node);
    // Another life may have less than the one before has said.
    const isAnother = incarnation !== destination.incarnation;
    if (path === destination.path && !isAnother) return;
    destination.path = path;
    destination.incarnation = incarnation;
    if (path === '' || isAnother) {
      destination.isLive = false;
      destination.rewind();
    }
    if (path === '') {
      destination.awaySinceMs = clock.monotonicMs();
      return;
    }
    if (destination.isLive) {
      if (destination.isInFlight) onResend(destination.node);
      destination.rewind();
      return;
    }
    this.#ask(destination);
  }

  #ask(destination: Destination): void {
    const { clock, routes, outlet } = this.#options;
    const hop = routes().nextHop(destination.node);
    if (hop === undefined) return;
    destination.asked(clock.monotonicMs());
    const destinations = [{ node: destination.node, from: 0 }];
    outlet.send(hop, { ...this.#header(), start: 0, until: 0, destinations, messages: [] });
  }

  #begin(destination: Destination, acceptedUntil: number): void {
    const { firstPosition } = this.#journal;
    this.#drop(destination, 'journal-bound', Math.max(0, firstPosition - Math.max(acceptedUntil, destination.acked)));
    destination.begin(acceptedUntil, firstPosition);
  }

  #drop({ node }: Destination, cause: DropCause, count: number): void {
    if (count > 0) this.#options.onDropped(node, cause, count);
  }

  async #run(): Promise<void> {
    const { signal } = this.#aborter;
    while (!signal.aborted) {
      this.#isWoken = false;
      try {
        if (!(await this.#sendToAll())) await this.#pause();
      } catch (error) {
        if (signal.aborted) return;
        // A disk that fails once may work again.
        this.#options.onFailed(error);
        await delay(this.#options.clock, RETRY_MS, signal);
      }
    }
  }

  /** One batch to each group; whether there was any. */
  async #sendToAll(): Promise<boolean> {
    const groups = this.#groups();
    for (const group of groups) {
      await this.#sendTo(group);
      if (this.#aborter.signal.aborted) break;
    }
    return groups.length > 0;
  }

  /** Destinations to which something may be sent now, by the position at which they stand. */
  #groups(): Destination[][] {
    const { limits, routes, outlet, isCurrent, port } = this.#options;
    const end = this.#journal.durablePosition;
    const unwanted = port.unwanted();
    const byPosition = new Map<number, Destination[]>();
    for (const destination of this.#destinations.values()) {
      const { isLive, inflightBytes, node } = destination;
      // As long as it is not certain what it wants, nothing may be passed over.
      if (!isLive || !isCurrent(node)) continue;
      if (destination.next >= unwanted.from && destination.next < unwanted.until) {
        destination.pass(Math.min(unwanted.until, end));
      }
      const { next } = destination;
      if (next >= end || inflightBytes >= limits.windowBytesMax) continue;
      const hop = routes().nextHop(node);
      if (hop === undefined || !outlet.hasRoom(hop)) continue;
      const group = byPosition.get(next);
      if (group === undefined) byPosition.set(next, [destination]);
      else if (group.length < DESTINATIONS_MAX) group.push(destination);
    }
    return [...byPosition.values()];
  }

  async #sendTo(group: Destination[]): Promise<void> {
    const { limits, port } = this.#options;
    const start = (group[0] as Destination).next;
    const end = this.#journal.durablePosition;
    const records = await this.#journal.read(start, limits.batchBytes);
    if (this.#aborter.signal.aborted) return;
    // An acknowledgement, or another way, may have moved some of them meanwhile.
    const present = group.filter(({ node, next, isLive }) => isLive && next === start && this.#options.isCurrent(node));
    if (present.length === 0) return;
    const limit = this.#meetingPoint(start);
    let until = start;
    const messages: FederatedMessage[] = [];
    for (const { position, payload } of records) {
      if (position >= limit) break;
      const found = messagesAt(port, position, payload);
      // The other end writes a batch as one record.
      if (messages.length > 0 && messages.length + found.length > BATCH_MESSAGES_MAX) break;
      this.#dropMissing(present, position - until);
      until = position + 1;
      messages.push(...found);
    }
    if (until === start) {
      // Nothing is left of what stood there: lost to the bound, or to damage.
      until = Math.min(end, limit);
      this.#dropMissing(present, until - start);
    }
    this.#sendBatch(present, start, until, messages);
  }

  /** The next position at which other destinations stand: there the groups meet and are served as one. */
  #meetingPoint(start: number): number {
    let nearest = Number.POSITIVE_INFINITY;
    for (const { isLive, next } of this.#destinations.values()) {
      if (isLive && next > start && next < nearest) nearest = next;
    }
    return nearest;
  }

  #dropMissing(group: readonly Destination[], count: number): void {
    for (const destination of group) this.#drop(destination, 'journal-bound', count);
  }

  #sendBatch(group: Destination[], start: number, until: number, messages: readonly FederatedMessage[]): void {
    const { routes, outlet, clock, onSent } = this.#options;
    const nowMs = clock.monotonicMs();
    const hops = groupBy(
      group.map(({ node }) => node),
      (node) => routes().nextHop(node),
    );
    const addressed = this.#address(group, hops, messages);
    for (const [hop, indexes] of hops) {
      const wanting = indexes.filter((index) => (addressed.anyTo & (1 << index)) !== 0);
      for (const index of indexes) if (!wanting.includes(index)) (group[index] as Destination).pass(until);
      if (wanting.length === 0) continue;
      const destinations = group.map(({ node, sentUntil }) => ({ node, from: sentUntil }));
      const frame = partOf({ ...this.#header(), start, until, destinations, messages: addressed.messages }, wanting);
      const bytes = bytesOf(frame.messages);
      for (const index of wanting) (group[index] as Destination).sent(until, bytes, nowMs);
      onSent(hop, frame.messages.length);
      outlet.send(hop, frame);
    }
  }

  #header(): Pick<DataFrame, 'origin' | 'incarnation' | 'hopsLeft' | 'isVolatile'> {
    const { port, limits } = this.#options;
    return { origin: port.brokerId, incarnation: port.incarnation, hopsLeft: limits.hopsMax, isVolatile: false };
  }

  /** Which of the group wants each message; those that nobody wants are left out. */
  #address(
    group: readonly Destination[],
    hops: ReadonlyMap<string, readonly number[]>,
    messages: readonly FederatedMessage[],
  ): { messages: DataMessage[]; anyTo: number } {
    const { interest, outlet } = this.#options;
    const indexOf = new Map(group.map(({ node }, index) => [node, index]));
    const everybody = group.reduce((mask, _, index) => mask | (1 << index), 0);
    const masks = new Map<object, number>();
    const addressed: DataMessage[] = [];
    let anyTo = 0;
    for (const message of messages) {
      const { topic, payload, qos, retain, stamp, isForShareOnly, sequence } = message;
      let to = isForShareOnly === true ? 0 : everybody;
      if (!retain && to !== 0) {
        const route = interest.routeOf(topic);
        let known = masks.get(route);
        if (known === undefined) {
          known = 0;
          for (const node of route.nodes) {
            const index = indexOf.get(node);
            if (index !== undefined) known |= 1 << index;
          }
          masks.set(route, known);
        }
        to = known;
      }
      for (const [hop, indexes] of hops) {
        if (!outlet.lets(hop, topic)) for (const index of indexes) to &= ~(1 << index);
      }
      const shares = message.shares?.flatMap(({ filter, broker }) => {
        const index = indexOf.get(broker);
        return index === undefined ? [] : [{ filter, to: index }];
      });
      for (const share of shares ?? []) anyTo |= 1 << share.to;
      if (to === 0 && (shares?.length ?? 0) === 0) continue;
      anyTo |= to;
      const plain: DataMessage = { topic, payload, qos, retain, to };
      if (stamp !== undefined) plain.stamp = stamp;
      if (sequence !== undefined) plain.sequence = sequence;
      if (shares !== undefined && shares.length > 0) plain.shares = shares;
      addressed.push(plain);
    }
    return { messages: addressed, anyTo };
  }

  /** Until there is something new: an acknowledgement, room, a record. */
  async #pause(): Promise<void> {
    if (!this.#waitsForJournal) {
      this.#waitsForJournal = true;
      const { onFailed } = this.#options;
      void this.#journal
        .waitBeyond(this.#journal.durablePosition, this.#aborter.signal)
        .catch((error: unknown) => {
          if (!this.#aborter.signal.aborted) onFailed(error);
          return delay(this.#options.clock, RETRY_MS, this.#aborter.signal);
        })
        .then(() => {
          this.#waitsForJournal = false;
          this.wake();
        });
    }
    if (this.#isWoken) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** What may cross of a record's messages, each with its place in the stream. */
function messagesAt(port: FederationPort, position: number, record: Uint8Array): FederatedMessage[] {
  const messages = port.messagesOf(record);
  for (const [index, message] of messages.entries()) message.sequence = position * BATCH_MESSAGES_MAX + index;
  return messages.filter(({ topic }) => !topic.startsWith('$'));
}

/** About what the messages weigh, for the window. */
function bytesOf(messages: readonly DataMessage[]): number {
  let bytes = 0;
  for (const { topic, payload } of messages) bytes += topic.length + payload.length + 8;
  return bytes;
}
