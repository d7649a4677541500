import type { Neighbour } from './neighbour.ts';
import { groupBy, partOf } from './stream/index.ts';
import type { Routes } from './topology/index.ts';
import type { Ack, DataFrame, Datagram } from './wire/index.ts';

export interface ForwarderOptions {
  brokerId: string;
  routes: () => Routes;
  neighbourOf: (peer: string) => Neighbour | undefined;
  /** The part of a frame that is for this broker, its destination number `index`. */
  onData: (frame: DataFrame, index: number, from: Neighbour) => Promise<void> | undefined;
  onAck: (ack: Ack) => void;
  onDatagram: (datagram: Datagram) => void;
}

/**
 * Passes on what is for other brokers. Each hop splits a frame's destinations by their next hop, so there is never more than
 * one copy on its way to each, even while routes change; what goes round in circles meanwhile ends at the hop limit.
 * Nothing waits here for long: what finds the queue of its link full is dropped, and sent again by its origin.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** Takes a frame from a neighbour. Resolves when what is for this broker is dealt with. */
  data(frame: DataFrame, from: Neighbour): Promise<void> | undefined {
    const { brokerId, onData } = this.#options;
    let done: Promise<void> | undefined;
    let isForOthers = false;
    frame.destinations.forEach(({ node }, index) => {
      if (node === brokerId) done = onData(frame, index, from);
      else isForOthers = true;
    });
    if (isForOthers) this.#passOn(frame, from);
    return done;
  }

  ack(ack: Ack): void {
    const { brokerId, onAck } = this.#options;
    if (ack.origin === brokerId) onAck(ack);
    else this.#towards(ack.origin, ack.hopsLeft)?.ack({ ...ack, hopsLeft: ack.hopsLeft - 1 });
  }

  datagram(datagram: Datagram): void {
    const { brokerId, onDatagram } = this.#options;
    if (datagram.to === brokerId) onDatagram(datagram);
    else this.#towards(datagram.to, datagram.hopsLeft)?.datagram({ ...datagram, hopsLeft: datagram.hopsLeft - 1 });
  }

  #passOn(frame: DataFrame, from: Neighbour): void {
    const { brokerId, routes, neighbourOf } = this.#options;
    if (frame.hopsLeft <= 0) {
      from.counters.dropped.hops += frame.messages.length;
      return;
    }
    const hops = groupBy(
      frame.destinations.map(({ node }) => node),
      (node) => (node === brokerId ? undefined : routes().nextHop(node)),
    );
    for (const [hop, indexes] of hops) {
      const neighbour = neighbourOf(hop);
      if (neighbour === undefined) continue;
      const part = filtered(partOf({ ...frame, hopsLeft: frame.hopsLeft - 1 }, indexes), neighbour);
      if (part.isVolatile && part.messages.length === 0) continue;
      if (neighbour.data(part)) neighbour.counters.forwarded += part.messages.length;
      else neighbour.counters.dropped.transit += part.messages.length;
    }
  }

  #towards(node: string, hopsLeft: number): Neighbour | undefined {
    const { routes, neighbourOf } = this.#options;
    const hop = hopsLeft > 0 ? routes().nextHop(node) : undefined;
    return hop === undefined ? undefined : neighbourOf(hop);
  }
}

/** What the filters of a link leave of a frame. What it says is complete stays: the rest is not wanted to cross. */
function filtered(frame: DataFrame, { filters, counters }: Neighbour): DataFrame {
  if (filters.letsAllOut) return frame;
  const messages = frame.messages.filter(({ topic }) => filters.letsOut(topic));
  counters.dropped.filtered += frame.messages.length - messages.length;
  return messages.length === frame.messages.length ? frame : { ...frame, messages };
}
