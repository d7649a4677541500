import type { Random } from '../../../core/random/index.ts';
import { Spells } from './spells.ts';
import type { ProcessId } from './types.ts';

/** How long a message takes: at least minMs, on average meanMs, and now and then a tail on top. */
export interface Delay {
  minMs: number;
  meanMs: number;
  /** Share of the messages that are delayed by tailMs more, on average. */
  tailRate: number;
  tailMs: number;
}

/** A wired LAN with the hiccups of its hosts. */
export const LAN: Delay = { minMs: 0.1, meanMs: 0.4, tailRate: 0.005, tailMs: 8 };

interface Link<Message> {
  from: ProcessId;
  to: ProcessId;
  delay: Delay;
  cut: Spells;
  clogged: Spells;
  /** What waits while the link is clogged. */
  held: Message[];
  /** When the last message arrives that keeps its place. */
  lastArrivalMs: number;
}

export interface NetworkCounts {
  sent: number;
  dropped: number;
  duplicated: number;
  reordered: number;
  held: number;
}

/** What the network needs of its world. */
export interface Wires<Message> {
  nowMs(): number;
  /** A copy of the message is to arrive at that time. */
  arrive(atMs: number, from: ProcessId, to: ProcessId, message: Message): void;
}

/** Puts messages on their way. */
export class Network<Message> {
  readonly counts: NetworkCounts = { sent: 0, dropped: 0, duplicated: 0, reordered: 0, held: 0 };
  /** Of all links: share of messages that are lost, that come twice, that overtake others; and ms on top of the delay, on average. */
  readonly loss = new Spells();
  readonly duplication = new Spells();
  readonly reordering = new Spells();
  readonly slowness = new Spells();
  readonly #random: Random;
  readonly #delay: Delay;
  readonly #wires: Wires<Message>;
  readonly #links: Link<Message>[][] = [];

  constructor(random: Random, delay: Delay, wires: Wires<Message>) {
    this.#random = random;
    this.#delay = delay;
    this.#wires = wires;
  }

  send(from: ProcessId, to: ProcessId, message: Message): void {
    const link = this.#link(from, to);
    this.counts.sent += 1;
    if (link.cut.current > 0 || this.#happens(this.loss)) {
      this.counts.dropped += 1;
      return;
    }
    if (link.clogged.current > 0) {
      this.counts.held += 1;
      link.held.push(message);
      return;
    }
    this.#dispatch(link, message);
    if (this.#happens(this.duplication)) {
      this.counts.duplicated += 1;
      this.#dispatch(link, message);
    }
  }

  /** Whether what was sent before the link was cut still arrives. */
  isOpen(from: ProcessId, to: ProcessId): boolean {
    return this.#link(from, to).cut.current === 0;
  }

  /** Takes messages from `from` to `to` away, in this direction only; returns what mends it. */
  cut(from: ProcessId, to: ProcessId): () => void {
    return this.#link(from, to).cut.begin(1);
  }

  /** Messages wait; returns what lets them go. */
  clog(from: ProcessId, to: ProcessId): () => void {
    const link = this.#link(from, to);
    const end = link.clogged.begin(1);
    return () => {
      end();
      if (link.clogged.current > 0) return;
      for (const message of link.held.splice(0)) this.#dispatch(link, message);
    };
  }

  setDelay(from: ProcessId, to: ProcessId, delay: Delay): void {
    this.#link(from, to).delay = delay;
  }

  #dispatch(link: Link<Message>, message: Message): void {
    const { minMs, meanMs, tailRate, tailMs } = link.delay;
    let atMs = this.#wires.nowMs() + minMs + this.#exponential(meanMs - minMs);
    if (this.#random.next() < tailRate) atMs += this.#exponential(tailMs);
    if (this.slowness.current > 0) atMs += this.#exponential(this.slowness.current);
    if (atMs < link.lastArrivalMs && this.#happens(this.reordering)) this.counts.reordered += 1;
    else {
      // A connection keeps the order: what was sent later waits for what was sent before.
      atMs = Math.max(atMs, link.lastArrivalMs);
      link.lastArrivalMs = atMs;
    }
    this.#wires.arrive(atMs, link.from, link.to, message);
  }

  #happens(spells: Spells): boolean {
    return spells.current > 0 && this.#random.next() < spells.current;
  }

  #exponential(meanMs: number): number {
    return -Math.log(1 - this.#random.next()) * meanMs;
  }

  #link(from: ProcessId, to: ProcessId): Link<Message> {
    this.#links[from] ??= [];
    this.#links[from][to] ??= {
      from,
      to,
      delay: this.#delay,
      cut: new Spells(),
      clogged: new Spells(),
      held: [],
      lastArrivalMs: 0,
    };
    return this.#links[from][to];
  }
}
