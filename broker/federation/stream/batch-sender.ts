import type { DurableLog } from '../../../core/log/index.ts';
import type { FederatedMessage } from '../port.ts';
import { address, BATCH_MESSAGES_MAX, bytesOf, messagesAt } from './addressing.ts';
import type { Destination } from './destination.ts';
import { DESTINATIONS_MAX, groupBy, headerOf, partOf } from './frame.ts';
import type { OutflowOptions } from './outflow-options.ts';

/** Reads the journal for destinations that stand at the same position, and sends what they want of it, one frame for each next hop. */
export class BatchSender {
  readonly #options: OutflowOptions;
  readonly #journal: DurableLog;
  readonly #destinations: ReadonlyMap<string, Destination>;
  readonly #signal: AbortSignal;

  constructor(options: OutflowOptions, destinations: ReadonlyMap<string, Destination>, signal: AbortSignal) {
    this.#options = options;
    this.#journal = options.port.journal;
    this.#destinations = destinations;
    this.#signal = signal;
  }

  /** One batch to each group; whether there was any. */
  async sendToAll(): Promise<boolean> {
    const groups = this.#groups();
    for (const group of groups) {
      await this.#sendTo(group);
      if (this.#signal.aborted) break;
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
    if (this.#signal.aborted) return;
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
    if (count <= 0) return;
    for (const { node } of group) this.#options.onDropped(node, 'journal-bound', count);
  }

  #sendBatch(group: Destination[], start: number, until: number, messages: readonly FederatedMessage[]): void {
    const { routes, outlet, clock, onSent } = this.#options;
    const nowMs = clock.monotonicMs();
    const nodes = group.map(({ node }) => node);
    const hops = groupBy(nodes, (node) => routes().nextHop(node));
    const addressed = address(nodes, hops, messages, this.#options);
    for (const [hop, indexes] of hops) {
      const wanting = indexes.filter((index) => (addressed.anyTo & (1 << index)) !== 0);
      for (const index of indexes) if (!wanting.includes(index)) (group[index] as Destination).pass(until);
      if (wanting.length === 0) continue;
      const destinations = group.map(({ node, sentUntil }) => ({ node, from: sentUntil }));
      const frame = partOf(
        { ...headerOf(this.#options), start, until, destinations, messages: addressed.messages },
        wanting,
      );
      const bytes = bytesOf(frame.messages);
      for (const index of wanting) (group[index] as Destination).sent(until, bytes, nowMs);
      onSent(hop, frame.messages.length);
      outlet.send(hop, frame);
    }
  }
}
