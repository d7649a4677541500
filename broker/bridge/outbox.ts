import type { Attendant } from '../mqtt/index.ts';
import {
  createDelivery,
  type Delivery,
  deliveryIdOf,
  type Message,
  ownMessage,
  type Qos,
  type Session,
} from '../state/index.ts';
import type { EchoMemory, LoopBreaker } from './loop-guard.ts';
import { HOPS_MAX } from './path.ts';
import type { BridgeCounters, BridgePort } from './port.ts';
import type { Routes } from './routes.ts';

/** A connection to the other broker, as far as the outbox needs it. */
export interface Lane {
  /** Messages that it may have unacknowledged. */
  readonly inflightMax: number;
  /** The largest payload, with its topic, that the other broker takes. */
  readonly bytesMax: number;
  /** Whether a message says which brokers it has passed. */
  readonly carriesPath: boolean;
  /** What is sent comes back, if a subscription of the bridge at the other broker fits; undefined when it does not. */
  readonly echoes: EchoMemory | undefined;
  /** Whether more should wait until the outbox is woken again. */
  isFull(): boolean;
  /** `done` is called once, when it is acknowledged (or written, at QoS 0) or refused, and never after the lane was closed. */
  publish(message: OutMessage, done: (refusal?: Error) => void): void;
}

export interface OutMessage {
  topic: string;
  payload: Buffer | string;
  qos: 0 | 1;
  retain: boolean;
  dup: boolean;
  path: readonly string[];
}

export interface OutboxOptions {
  session: Session;
  port: BridgePort;
  routes: Routes;
  breaker: LoopBreaker;
  counters: BridgeCounters;
  monotonicMs: () => number;
  /** Told of each message that the other broker refused, or that goes in a circle. */
  onDropped: (cause: 'loop' | 'refused', topic: string, reason: string) => void;
}

/**
 * Brings what waits in the bridge's session to the other broker, in order: first what was in flight when the last connection
 * ended, then the queue. A message leaves the session once the other broker has acknowledged it.
 */
export class Outbox implements Attendant {
  readonly session: Session;
  readonly isKept = true;
  readonly #options: OutboxOptions;
  #lane: Lane | undefined;
  #isHeld = false;
  #isSending = false;
  /** Messages that were sent over the lane and are not acknowledged. */
  #outstanding = 0;
  #again: Delivery[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.session = options.session;
  }

  open(lane: Lane): void {
    this.#lane = lane;
    this.#outstanding = 0;
    this.#again = [...this.session.queue.inflight];
    this.wake();
  }

  /** Ends with the connection. What is in flight and queued stays in the session; QoS 0 is not kept. */
  close(): void {
    this.#lane = undefined;
    this.#again = [];
    this.#shed();
  }

  /** Nothing more is sent; acknowledgements of what was sent still count. */
  hold(): void {
    this.#isHeld = true;
  }

  stop(): void {
    this.close();
  }

  offer(message: Message, topic: string, qos: Qos, sharded: boolean): number {
    const delivery = createDelivery(deliveryIdOf(message, sharded), ownMessage(message), topic, qos);
    const dropped = this.session.queue.push(delivery);
    this.wake();
    return dropped;
  }

  /** Sends as much as may be sent now. */
  wake(): void {
    const lane = this.#lane;
    if (lane === undefined) {
      this.#shed();
      return;
    }
    // QoS 0 is done before publish() returns, and would call back in here once for each message.
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#lane === lane && !this.#isHeld && !lane.isFull() && this.#sendNext(lane));
    } finally {
      this.#isSending = false;
    }
  }

  /** False when there is nothing to be sent now. */
  #sendNext(lane: Lane): boolean {
    const { queue } = this.session;
    const next = this.#again[0] ?? queue.peek();
    if (next === undefined || (next.qos > 0 && this.#outstanding >= lane.inflightMax)) return false;
    const isAgain = this.#again.shift() !== undefined;
    if (!isAgain) queue.take(next.qos > 0 ? this.session.takeMessageId() : undefined);
    this.#send(lane, next, isAgain);
    return true;
  }

  #send(lane: Lane, delivery: Delivery, dup: boolean): void {
    const { routes, breaker, counters, monotonicMs, onDropped } = this.#options;
    const { message, topic } = delivery;
    const { payload, marks } = message;
    const remoteTopic = routes.toRemote(topic);
    // The routes were others when it was queued.
    if (remoteTopic === undefined) {
      counters.invalid += 1;
      this.#settle(delivery);
      return;
    }
    const path = this.#pathOf(delivery);
    const retain = message.retain || marks?.retained === true;
    const mayFlood = lane.carriesPath || marks?.origin === undefined;
    if (path.length > HOPS_MAX || (!dup && !breaker.mayLeave({ topic, payload, retain, mayFlood }, monotonicMs()))) {
      counters.loop += 1;
      onDropped('loop', topic, `"${topic}" goes round in a circle`);
      this.#settle(delivery);
      return;
    }
    if (Buffer.byteLength(remoteTopic) + payload.length > lane.bytesMax) {
      counters.refused += 1;
      onDropped('refused', topic, `it takes packets of up to ${lane.bytesMax} bytes`);
      this.#settle(delivery);
      return;
    }
    if (routes.comesIn(remoteTopic)) lane.echoes?.sent(remoteTopic, payload, monotonicMs());
    const qos = delivery.qos === 0 ? 0 : 1;
    this.#outstanding += qos;
    lane.publish({ topic: remoteTopic, payload, qos, retain, dup, path }, (refusal) => {
      if (this.#lane !== lane) return;
      this.#outstanding -= qos;
      if (refusal === undefined) {
        counters.sent += 1;
      } else {
        counters.refused += 1;
        onDropped('refused', topic, refusal.message);
      }
      this.#settle(delivery);
      this.wake();
    });
  }

  /** Where it has been, this broker included. */
  #pathOf({ message: { marks } }: Delivery): string[] {
    const { port } = this.#options;
    const path = [...(marks?.path ?? [])];
    if (marks?.origin !== undefined) path.push(port.nodeName(marks.origin));
    path.push(port.nodeName());
    return path;
  }

  #settle({ id, messageId }: Delivery): void {
    if (messageId === undefined) return;
    if (this.session.queue.acknowledge(messageId) === undefined) return;
    this.#options.port.acknowledged(this.session.clientId, id);
  }

  #shed(): void {
    const { queue } = this.session;
    const before = queue.size;
    queue.dropVolatile();
    this.#options.counters.down += before - queue.size;
  }
}
