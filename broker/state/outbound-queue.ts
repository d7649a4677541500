import { Deque } from './deque.ts';
import type { Delivery, DeliveryId } from './message.ts';

export interface QueueBounds {
  messagesMax: number;
  bytesMax: number;
}

/**
 * What waits for one session: in flight first, in the order sent, then queued, in the order of arrival.
 *
 * QoS 0 stands in a line of its own, so that at the bound the oldest QoS 0 message can go first and then the oldest
 * of the others; taking merges the two lines by arrival. What is in flight is never dropped.
 */
export class OutboundQueue {
  readonly #bounds: QueueBounds;
  readonly #volatile = new Deque<Delivery>();
  readonly #durable = new Deque<Delivery>();
  #inflight: Delivery[] = [];
  #order = 0;
  #bytes = 0;
  #dropped = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  /** Messages that wait, those in flight included. */
  get size(): number {
    return this.#volatile.size + this.#durable.size + this.#inflight.length;
  }

  /** Bytes of topic and payload that are queued, those in flight left out. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many were dropped at the bound since the session was made or loaded. */
  get dropped(): number {
    return this.#dropped;
  }

  get inflight(): readonly Delivery[] {
    return this.#inflight;
  }

  /** Appends, and drops at the bound; returns how many were dropped. */
  push(delivery: Delivery): number {
    delivery.order = this.#order++;
    (delivery.qos === 0 ? this.#volatile : this.#durable).push(delivery);
    this.#bytes += delivery.bytes;
    let dropped = 0;
    while (
      this.#volatile.size + this.#durable.size > this.#bounds.messagesMax ||
      (this.#bytes > this.#bounds.bytesMax && this.#volatile.size + this.#durable.size > 1)
    ) {
      const oldest = this.#volatile.shift() ?? this.#durable.shift();
      if (oldest === undefined) break;
      this.#bytes -= oldest.bytes;
      dropped += 1;
    }
    this.#dropped += dropped;
    return dropped;
  }

  /** The next to be sent, left in place. */
  peek(): Delivery | undefined {
    const volatile = this.#volatile.peek();
    const durable = this.#durable.peek();
    if (volatile === undefined) return durable;
    return durable === undefined || volatile.order < durable.order ? volatile : durable;
  }

  /** Takes out what peek() showed; above QoS 0 it is in flight from now on, under the packet id given. */
  take(messageId?: number): Delivery | undefined {
    const next = this.peek();
    if (next === undefined) return undefined;
    (next.qos === 0 ? this.#volatile : this.#durable).shift();
    this.#bytes -= next.bytes;
    if (next.qos > 0) this.#fly(next, messageId);
    return next;
  }

  /** Notes that a delivery was sent under a packet id, wherever it stands. */
  markSent(fits: (delivery: Delivery) => boolean, messageId: number): Delivery | undefined {
    const flying = this.#inflight.find(fits);
    if (flying !== undefined) {
      flying.messageId = messageId;
      return flying;
    }
    const queued = this.#durable.take(fits);
    if (queued === undefined) return undefined;
    this.#bytes -= queued.bytes;
    this.#fly(queued, messageId);
    return queued;
  }

  /** PUBREC has come: PUBREL is owed from now on. */
  release(messageId: number): Delivery | undefined {
    const delivery = this.#inflight.find((flying) => flying.messageId === messageId);
    if (delivery !== undefined) delivery.phase = 'released';
    return delivery;
  }

  /** PUBACK or PUBCOMP has come. */
  acknowledge(messageId: number): Delivery | undefined {
    const at = this.#inflight.findIndex((flying) => flying.messageId === messageId);
    return at < 0 ? undefined : this.#inflight.splice(at, 1)[0];
  }

  /** Takes out a delivery by its id, in flight or queued: how a replayed acknowledgement is applied. */
  remove(id: DeliveryId): void {
    const at = this.#inflight.findIndex((flying) => flying.id === id);
    if (at >= 0) {
      this.#inflight.splice(at, 1);
      return;
    }
    const queued = this.#durable.take((delivery) => delivery.id === id);
    if (queued !== undefined) this.#bytes -= queued.bytes;
  }

  /** Forgets QoS 0, which is not kept for a client that is away. */
  dropVolatile(): void {
    for (let gone = this.#volatile.shift(); gone !== undefined; gone = this.#volatile.shift())
      this.#bytes -= gone.bytes;
  }

  /** In flight first, then queued, QoS 0 left out. */
  *deliveries(): Generator<Delivery> {
    yield* this.#inflight;
    yield* this.#durable;
  }

  #fly(delivery: Delivery, messageId: number | undefined): void {
    delivery.messageId = messageId;
    delivery.phase = 'sent';
    this.#inflight.push(delivery);
  }
}
