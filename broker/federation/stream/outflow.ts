import type { DurableLog } from '../../../core/log/index.ts';
import type { DropCause } from '../limits.ts';
import { AgeMarks } from './age-marks.ts';
import { BatchSender } from './batch-sender.ts';
import { Destination } from './destination.ts';
import { headerOf } from './frame.ts';
import type { OutflowOptions } from './outflow-options.ts';
import { Pump } from './pump.ts';

/** An acknowledgement that asks for what is missing again is passed over for so long after it was followed. */
const REWIND_PAUSE_MS = 50;
const ASK_INTERVAL_MS = 500;
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
  readonly #pump: Pump;
  readonly #sender: BatchSender;
  #running: Promise<void> | undefined;
  /** Those for whom messages wait however long they are away. */
  #awaited: ReadonlySet<string> = new Set();
  #hasStrangers: boolean | undefined;
  /** Where the journal ended when this process found it: nobody can have had more from those before. */
  readonly #foundUntil: number;
  /** Where the stream of a broker stood that was forgotten, and may come back: the furthest of all. */
  #forgottenUntil = 0;

  constructor(options: OutflowOptions) {
    this.#options = options;
    this.#journal = options.port.journal;
    this.#foundUntil = this.#journal.nextPosition;
    this.#ages = new AgeMarks(options.limits.backlogAgeMsMax);
    const { clock, onFailed } = options;
    const { signal } = this.#aborter;
    this.#pump = new Pump({ journal: this.#journal, clock, signal, onFailed });
    this.#sender = new BatchSender(options, this.#destinations, signal);
  }

  /** Opens the cursors of the given brokers and of those that have one, so that what is published from now on waits for them, and begins. */
  async start(nodes: readonly string[]): Promise<void> {
    const names = this.#journal.cursorNames().filter((name) => name.startsWith(CURSOR_PREFIX));
    const known = names.map((name) => name.slice(CURSOR_PREFIX.length));
    this.#awaited = new Set(nodes);
    await Promise.all([...new Set([...nodes, ...known])].map((node) => this.#open(node)));
    this.#running = this.#pump.run(() => this.#sender.sendToAll());
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
    if (acceptedUntil > Math.max(this.#foundUntil, this.#forgottenUntil, destination.furthest)) {
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
    const { firstPosition, nextPosition, bytes } = this.#journal;
    const start = Math.max(this.#destinations.get(node)?.acked ?? nextPosition, firstPosition);
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
    this.#pump.wake();
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
    const { clock, onAdvanced } = this.#options;
    const destination = new Destination({ node, cursor, nowMs: clock.monotonicMs(), onAdvanced });
    this.#destinations.set(node, destination);
    this.#follow(destination);
  }

  /** A broker that is not in the configuration has been away for too long: nothing waits for it any more. */
  #forget(node: string): void {
    if (this.#awaited.has(node)) return;
    this.#forgottenUntil = Math.max(this.#forgottenUntil, this.#destinations.get(node)?.furthest ?? 0);
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
    outlet.send(hop, { ...headerOf(this.#options), start: 0, until: 0, destinations, messages: [] });
  }

  #begin(destination: Destination, acceptedUntil: number): void {
    const { firstPosition } = this.#journal;
    this.#drop(destination, 'journal-bound', Math.max(0, firstPosition - Math.max(acceptedUntil, destination.acked)));
    destination.begin(acceptedUntil, firstPosition);
  }

  #drop({ node }: Destination, cause: DropCause, count: number): void {
    if (count > 0) this.#options.onDropped(node, cause, count);
  }
}
