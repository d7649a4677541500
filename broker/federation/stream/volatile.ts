import type { InterestTable } from '../interest/index.ts';
import type { LinkLimits } from '../limits.ts';
import type { FederatedMessage, FederationPort } from '../port.ts';
import type { Routes } from '../topology/index.ts';
import type { DataFrame, DataMessage } from '../wire/index.ts';
import { DESTINATIONS_MAX } from './frame.ts';
import type { Outlet } from './outflow-options.ts';

export interface VolatileOutflowOptions {
  port: FederationPort;
  interest: InterestTable;
  routes: () => Routes;
  outlet: Outlet;
  limits: LinkLimits;
  onSent: (neighbour: string, messages: number) => void;
  onDropped: (neighbour: string, count: number) => void;
  /** No way leads to a broker that wants a message. */
  onUnreachable: (node: string) => void;
}

interface Waiting {
  message: FederatedMessage;
  nodes: string[];
  shares: { filter: string; node: string }[];
}

interface Queue {
  waiting: Waiting[];
  bytes: number;
}

/** QoS 0 messages of this broker's clients on their way out: one bounded queue for each neighbour, in memory alone, sent at the end of the turn. */
export class VolatileOutflow {
  readonly #options: VolatileOutflowOptions;
  readonly #queues = new Map<string, Queue>();
  #isScheduled = false;

  constructor(options: VolatileOutflowOptions) {
    this.#options = options;
  }

  offer(message: FederatedMessage): void {
    const { interest, routes, onUnreachable } = this.#options;
    const route = interest.routeOf(message.topic);
    if (route.nodes.size === 0 && message.shares === undefined) return;
    const byHop = new Map<string, Waiting>();
    const waitingFor = (node: string): Waiting | undefined => {
      const hop = routes().nextHop(node);
      if (hop === undefined) {
        onUnreachable(node);
        return undefined;
      }
      let waiting = byHop.get(hop);
      if (waiting === undefined) {
        waiting = { message, nodes: [], shares: [] };
        byHop.set(hop, waiting);
      }
      return waiting;
    };
    for (const node of route.nodes) waitingFor(node)?.nodes.push(node);
    for (const { filter, broker } of message.shares ?? []) waitingFor(broker)?.shares.push({ filter, node: broker });
    for (const [hop, waiting] of byHop) for (const part of partsOf(waiting)) this.#queue(hop, part);
  }

  /** Sends what waits for a neighbour, as far as there is room. */
  flush(hop: string): void {
    const queue = this.#queues.get(hop);
    if (queue === undefined) return;
    const { outlet, limits, onSent } = this.#options;
    let sent = 0;
    while (sent < queue.waiting.length && outlet.hasRoom(hop)) {
      const batch: Waiting[] = [];
      const nodes = new Set<string>();
      let bytes = 0;
      for (; sent < queue.waiting.length && bytes < limits.batchBytes; sent++) {
        const waiting = queue.waiting[sent] as Waiting;
        const added = [...waiting.nodes, ...waiting.shares.map(({ node }) => node)].filter((node) => !nodes.has(node));
        if (nodes.size > 0 && nodes.size + added.length > DESTINATIONS_MAX) break;
        for (const node of added) nodes.add(node);
        bytes += weightOf(waiting);
        batch.push(waiting);
      }
      queue.bytes -= bytes;
      onSent(hop, batch.length);
      outlet.send(hop, this.#frameOf(batch, [...nodes]));
    }
    if (sent === queue.waiting.length) this.#queues.delete(hop);
    else queue.waiting.splice(0, sent);
  }

  /** The link of a neighbour is down. */
  drop(hop: string): void {
    const queue = this.#queues.get(hop);
    if (queue === undefined) return;
    this.#queues.delete(hop);
    this.#options.onDropped(hop, queue.waiting.length);
  }

  #queue(hop: string, waiting: Waiting): void {
    const { outlet, limits, onDropped } = this.#options;
    if (!outlet.lets(hop, waiting.message.topic)) return;
    let queue = this.#queues.get(hop);
    if (queue === undefined) {
      queue = { waiting: [], bytes: 0 };
      this.#queues.set(hop, queue);
    }
    const bytes = weightOf(waiting);
    if (queue.bytes + bytes > limits.volatileBytesMax) {
      onDropped(hop, 1);
      return;
    }
    queue.waiting.push(waiting);
    queue.bytes += bytes;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      for (const each of [...this.#queues.keys()]) this.flush(each);
    });
  }

  #frameOf(batch: readonly Waiting[], nodes: readonly string[]): DataFrame {
    const { port, limits } = this.#options;
    const indexOf = new Map(nodes.map((node, index) => [node, index]));
    const messages = batch.map(({ message, nodes: wanting, shares }): DataMessage => {
      const { topic, payload, qos, retain } = message;
      let to = 0;
      for (const node of wanting) {
        const index = indexOf.get(node);
        if (index !== undefined) to |= 1 << index;
      }
      const plain: DataMessage = { topic, payload, qos, retain, to };
      const shared = shares.flatMap(({ filter, node }) => {
        const index = indexOf.get(node);
        return index === undefined ? [] : [{ filter, to: index }];
      });
      return shared.length === 0 ? plain : { ...plain, shares: shared };
    });
    const { brokerId: origin, incarnation } = port;
    const destinations = nodes.map((node) => ({ node, from: 0 }));
    const { hopsMax: hopsLeft } = limits;
    return { origin, incarnation, hopsLeft, isVolatile: true, start: 0, until: 0, destinations, messages };
  }
}

/** One frame names so many destinations, so a message for more goes out in parts. */
function partsOf({ message, nodes, shares }: Waiting): Waiting[] {
  if (nodes.length + shares.length <= DESTINATIONS_MAX) return [{ message, nodes, shares }];
  const parts: Waiting[] = [];
  for (let at = 0; at < nodes.length; at += DESTINATIONS_MAX) {
    parts.push({ message, nodes: nodes.slice(at, at + DESTINATIONS_MAX), shares: [] });
  }
  for (let at = 0; at < shares.length; at += DESTINATIONS_MAX) {
    parts.push({ message, nodes: [], shares: shares.slice(at, at + DESTINATIONS_MAX) });
  }
  return parts;
}

function weightOf({ message: { topic, payload }, nodes }: Waiting): number {
  return topic.length + payload.length + 8 * nodes.length;
}
