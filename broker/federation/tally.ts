import type { Logger } from 'pino';
import type { DropCause, LinkCounters } from './limits.ts';
import type { FederationPort } from './port.ts';

export interface TallyOptions {
  port: FederationPort;
  log: Logger;
  /** Of the link to a neighbour, if it is up. */
  countersOf: (neighbour: string) => LinkCounters | undefined;
  /** The neighbour on the way to a broker. */
  nextHop: (node: string) => string | undefined;
}

/** Counts what became of this broker's own messages, at the links that they took. */
export class Tally {
  readonly #options: TallyOptions;
  /** By destination, messages that were given up while there was no way to it, by cause. */
  readonly #lost = new Map<string, Partial<Record<DropCause, number>>>();

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  sent(hop: string, messages: number): void {
    const counters = this.#options.countersOf(hop);
    if (counters !== undefined) counters.sent += messages;
  }

  /** Something is sent to a destination again. */
  resent(node: string): void {
    const counters = this.#countersTo(node);
    if (counters !== undefined) counters.resends += 1;
  }

  /** Messages of QoS 1 and 2 for a destination were given up. */
  dropped(node: string, cause: DropCause, count: number): void {
    this.#countDropped(node, cause, count);
    const fields = { code: 'LINK_BACKLOG_DROPPED', node, cause, count };
    this.#options.log.error(fields, 'messages for another broker were given up');
  }

  /** Messages of QoS 0 were shed at the queue of a link. */
  shed(hop: string, count: number): void {
    const counters = this.#options.countersOf(hop);
    if (counters !== undefined) counters.dropped.volatile += count;
    if (count > 0) this.#options.port.noteGap(hop, 'volatile', count);
  }

  /** There is no way to a destination for a message of QoS 0. */
  unreachable(node: string): void {
    this.#countDropped(node, 'volatile', 1);
  }

  /** What a destination has lost while there was no way to it. */
  lostOf(node: string): Partial<Record<DropCause, number>> {
    return { ...this.#lost.get(node) };
  }

  /** At the link that leads to the destination; where none does, at its stream. */
  #countDropped(node: string, cause: DropCause, count: number): void {
    this.#options.port.noteGap(node, cause, count);
    const counters = this.#countersTo(node);
    if (counters !== undefined) {
      counters.dropped[cause] += count;
      return;
    }
    const lost = this.#lost.get(node) ?? {};
    lost[cause] = (lost[cause] ?? 0) + count;
    this.#lost.set(node, lost);
  }

  #countersTo(node: string): LinkCounters | undefined {
    const hop = this.#options.nextHop(node);
    return hop === undefined ? undefined : this.#options.countersOf(hop);
  }
}
