import { Deque } from './deque.ts';
import type { Qos } from './message.ts';
import { TopicTree } from './topic-tree.ts';

/** A retained message with the stamp that decides between two. An empty payload is a tombstone. */
export interface Retained {
  topic: string;
  payload: Buffer;
  qos: Qos;
  stampMs: number;
  stampBroker: string;
  /** The session of the bridge through which it came in, which is not told of it. */
  via?: string | undefined;
}

/** Stamps above aboveMs, up to fromMs, are not to be believed; fromMs was in truth toMs. */
export interface StampsPutBack {
  aboveMs: number;
  fromMs: number;
  toMs: number;
}

export interface RetainedBounds {
  messagesMax: number;
  tombstonesMax: number;
}

/**
 * Retained messages: a last-writer-wins map by (stampMs, stampBroker), so merging in any order, any number of times,
 * comes to the same. Deletions are kept as tombstones, bounded by count and age, so that a peer which missed one does not
 * bring the message back.
 */
export class RetainedStore {
  readonly #bounds: RetainedBounds;
  readonly #entries = new Map<string, Retained>();
  readonly #live = new TopicTree<Retained>();
  readonly #tombstones = new Deque<Retained>();
  #liveCount = 0;
  #refused = 0;
  #latestStampMs = 0;
  /** Told of each entry, tombstones included, that has left and that has come. */
  onChanged: (gone: Retained | undefined, come: Retained | undefined) => void = () => {};

  constructor(bounds: RetainedBounds) {
    this.#bounds = bounds;
  }

  /** Messages that a subscriber would get; tombstones left out. */
  get size(): number {
    return this.#liveCount;
  }

  get tombstones(): number {
    return this.#entries.size - this.#liveCount;
  }

  /** How many were not retained, since the bound was reached. */
  get refused(): number {
    return this.#refused;
  }

  /** The greatest stamp that was merged, 0 before the first. */
  get latestStampMs(): number {
    return this.#latestStampMs;
  }

  /** Whether an entry would win over what is there. */
  wins(entry: Pick<Retained, 'topic' | 'stampMs' | 'stampBroker'>): boolean {
    const present = this.#entries.get(entry.topic);
    if (present === undefined) return true;
    return entry.stampMs !== present.stampMs
      ? entry.stampMs > present.stampMs
      : entry.stampBroker > present.stampBroker;
  }

  /** Keeps the entry if it wins; says whether it did. */
  merge(entry: Retained): boolean {
    this.#latestStampMs = Math.max(this.#latestStampMs, entry.stampMs);
    if (!this.wins(entry)) return false;
    const before = this.#entries.get(entry.topic);
    const wasLive = before !== undefined && before.payload.length > 0;
    const isLive = entry.payload.length > 0;
    if (isLive && !wasLive && this.#liveCount >= this.#bounds.messagesMax) {
      this.#refused += 1;
      return false;
    }
    this.#entries.set(entry.topic, entry);
    this.onChanged(before, entry);
    if (isLive) this.#live.set(entry.topic, entry);
    else if (wasLive) this.#live.delete(entry.topic);
    this.#liveCount += (isLive ? 1 : 0) - (wasLive ? 1 : 0);
    if (!isLive) this.#bury(entry);
    return true;
  }

  /**
   * Moves stamps above aboveMs back, all by as much as brings fromMs to toMs, and makes this broker their writer: a wall clock
   * was wrong until now. So they keep their order and distances, the latest becomes as old as it is, and what others wrote
   * meanwhile lies where it belongs among them.
   */
  putBack({ aboveMs, fromMs, toMs }: StampsPutBack, brokerId: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.stampMs <= aboveMs || entry.stampMs > fromMs) continue;
      const before = { ...entry };
      entry.stampMs -= fromMs - toMs;
      entry.stampBroker = brokerId;
      this.onChanged(before, entry);
    }
    if (this.#latestStampMs > aboveMs) this.#latestStampMs = toMs;
  }

  /** Forgets tombstones that are older than the bound. */
  forgetTombstones(olderThanMs: number): void {
    for (let oldest = this.#tombstones.peek(); oldest !== undefined; oldest = this.#tombstones.peek()) {
      if (this.#entries.get(oldest.topic) === oldest) {
        if (oldest.stampMs >= olderThanMs) return;
        this.#forget(oldest);
      }
      this.#tombstones.shift();
    }
  }

  matching(filter: string): Generator<Retained> {
    return this.#live.match(filter);
  }

  /** All of them, tombstones included. */
  entries(): IterableIterator<Retained> {
    return this.#entries.values();
  }

  #bury(tombstone: Retained): void {
    this.#tombstones.push(tombstone);
    // The line also holds tombstones that a later message replaced, so it is bounded by itself.
    while (this.#tombstones.size > this.#bounds.tombstonesMax) {
      const oldest = this.#tombstones.shift();
      if (oldest !== undefined && this.#entries.get(oldest.topic) === oldest) this.#forget(oldest);
    }
  }

  #forget(tombstone: Retained): void {
    this.#entries.delete(tombstone.topic);
    this.onChanged(tombstone, undefined);
  }
}
