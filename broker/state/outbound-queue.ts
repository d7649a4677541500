import { ADOPTED, adoptInto } from './adoption.ts';
import { Deque } from './deque.ts';
import type { Delivery, DeliveryId } from './message.ts';
import { PacketIdSet } from './packet-id-set.ts';

export interface QueueBounds {
  messagesMax: number;
  bytesMax: number;
}

/**
 * What waits for one session: in flight first, in the order sent, then queued, in the order of arrival.
 *
 * QoS 0 stands in a line of its own, so that at the bound the oldest QoS 0 message can go first and then the oldest
 * of the others; taking merges the two lines by arrival. What is in flight is never dropped. What nobody would send again is
 * in flight as a packet id alone.
 */
export class OutboundQueue {
  readonly #bounds: QueueBounds;
  readonly #volatile = new Deque<Delivery>();
  readonly #durable = new Deque<Delivery>();
  readonly #inflight = new Set<Delivery>();
  readonly #byPacketId = new Map<number, Delivery>();
  readonly #bare = new PacketIdSet();
  /** Whether two were ever in flight under one packet id, which only the persistence port of Aedes can bring about. */
  #hasShared = false;
  #order = 0;
  #bytes = 0;
  #dropped = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  /** Messages that wait, those in flight included. */
  get size(): number {
    return this.waiting + this.inflightSize;
  }

  /** Those of them that are not in flight. */
  get waiting(): number {
    return this.#volatile.size + this.#durable.size;
  }

  /** Bytes of topic and payload that are queued, those in flight left out. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many were dropped at the bound since the session was made or loaded. */
  get dropped(): number {
    return this.#dropped;
  }

  /** In the order sent; those left out that are in flight as packet ids alone. */
  get inflight(): ReadonlySet<Delivery> {
    return this.#inflight;
  }

  get inflightSize(): number {
    return this.#inflight.size + this.#bare.size;
  }

  isInflight(packetId: number): boolean {
    return this.#byPacketId.has(packetId) || this.#bare.has(packetId);
  }

  /** Appends, and drops at the bound; returns how many were dropped. */
  push(delivery: Delivery): number {
    delivery.order = this.#order++;
    (delivery.qos === 0 ? this.#volatile : this.#durable).push(delivery);
    this.#bytes += delivery.bytes;
    return this.#dropAboveBound();
  }

  /** Puts in front of all that was pushed what came with the session (see adoption.ts); drops at the bound, and returns how many. */
  adopt(deliveries: readonly Delivery[]): number {
    for (const { bytes } of deliveries) this.#bytes += bytes;
    adoptInto(this.#durable, deliveries);
    return this.#dropAboveBound();
  }

  /** Appends what had come with the session, from a checkpoint: it stands where it stood, and where the next is put behind it. */
  restoreAdopted(delivery: Delivery): number {
    const before = this.#durable.size === 0 ? undefined : this.#durable.at(this.#durable.size - 1);
    delivery.order = before?.order ?? ADOPTED;
    this.#durable.push(delivery);
    this.#bytes += delivery.bytes;
    return this.#dropAboveBound();
  }

  #dropAboveBound(): number {
    let dropped = 0;
    while (this.waiting > this.#bounds.messagesMax || (this.#bytes > this.#bounds.bytesMax && this.waiting > 1)) {
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

  /** Takes out what peek() showed; with a packet id it is in flight from now on. */
  take(messageId?: number): Delivery | undefined {
    const next = this.peek();
    if (next === undefined) return undefined;
    (next.qos === 0 ? this.#volatile : this.#durable).shift();
    this.#bytes -= next.bytes;
    if (messageId !== undefined) this.#fly(next, messageId);
    return next;
  }

  /** Something that would not be sent again is in flight under a packet id; landBare() ends it. */
  flyBare(packetId: number): void {
    this.#bare.add(packetId);
  }

  /** False when nothing is in flight as that packet id alone. */
  landBare(packetId: number): boolean {
    return this.#bare.delete(packetId);
  }

  /** Gives a delivery that is in flight its packet id. */
  assignPacketId(delivery: Delivery, packetId: number): void {
    const before = delivery.messageId;
    delivery.messageId = packetId;
    if (before !== undefined && before !== packetId) this.#findAgain(before);
    if (this.#byPacketId.has(packetId)) {
      this.#hasShared = true;
      this.#findAgain(packetId);
    } else {
      this.#byPacketId.set(packetId, delivery);
    }
  }

  /** Notes that a delivery was sent, under a packet id if that is known, wherever it stands. */
  markSent(fits: (delivery: Delivery) => boolean, messageId: number | undefined): Delivery | undefined {
    const flying = [...this.#inflight].find(fits);
    if (flying !== undefined) {
      if (messageId !== undefined) this.assignPacketId(flying, messageId);
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
    const delivery = this.#byPacketId.get(messageId);
    if (delivery !== undefined) delivery.phase = 'released';
    return delivery;
  }

  /** PUBACK or PUBCOMP has come. */
  acknowledge(messageId: number): Delivery | undefined {
    const delivery = this.#byPacketId.get(messageId);
    if (delivery !== undefined) this.#land(delivery);
    return delivery;
  }

  /** Takes out a delivery by its id, in flight or queued: how a replayed acknowledgement is applied. */
  remove(id: DeliveryId): void {
    for (const flying of this.#inflight) {
      if (flying.id !== id) continue;
      this.#land(flying);
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

  #fly(delivery: Delivery, packetId: number | undefined): void {
    delivery.phase = 'sent';
    this.#inflight.add(delivery);
    if (packetId !== undefined) this.assignPacketId(delivery, packetId);
  }

  #land(delivery: Delivery): void {
    this.#inflight.delete(delivery);
    if (delivery.messageId !== undefined) this.#findAgain(delivery.messageId);
  }

  /** The first in flight under a packet id is the one that it means. */
  #findAgain(packetId: number): void {
    this.#byPacketId.delete(packetId);
    if (!this.#hasShared) return;
    const first = [...this.#inflight].find((flying) => flying.messageId === packetId);
    if (first !== undefined) this.#byPacketId.set(packetId, first);
  }
}
