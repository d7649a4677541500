import {
  type Applied,
  createDelivery,
  deliveryIdOf,
  lesserQos,
  type Message,
  type Qos,
  type Receiver,
  type Session,
  SubscriptionIndex,
  shardedTopic,
} from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { Courier } from './courier.ts';

/**
 * Routes messages to connected clients. Kept sessions got their messages of QoS 1 and 2 when the record was applied, and
 * only their couriers are woken here; clean sessions, and QoS 0, live in memory alone.
 */
export class Switchboard {
  readonly #store: BrokerStore;
  readonly #couriers = new Map<Session, Courier>();
  /** Subscriptions of clean sessions. */
  readonly clean = new SubscriptionIndex<Session>();
  /** Messages dropped at the bound of a session's queue. */
  dropped = 0;
  /** Told of each drop, for the log. */
  onDropped: (session: Session, count: number) => void = () => {};

  constructor(store: BrokerStore) {
    this.#store = store;
    store.onApplied = (applied) => this.#applied(applied);
  }

  attach(courier: Courier): void {
    this.#couriers.set(courier.session, courier);
  }

  isConnected(session: Session): boolean {
    return this.#couriers.has(session);
  }

  detach(courier: Courier): void {
    courier.stop();
    if (this.#couriers.get(courier.session) === courier) this.#couriers.delete(courier.session);
    if (courier.isKept) return;
    for (const filter of courier.session.subscriptions.keys()) this.clean.remove(filter, courier.session);
    courier.session.subscriptions.clear();
  }

  /** Routes a message that is in no journal. */
  routeVolatile(topic: string, payload: Buffer): void {
    const message: Message = { position: -1, topic, payload, qos: 0, retain: false };
    const sharded = shardedTopic(topic);
    for (const index of [this.#store.state.index, this.clean]) {
      this.#send(message, index.match(topic), topic, false);
      if (sharded !== undefined) this.#send(message, index.matchShard(sharded.shard, topic), sharded.topic, true);
    }
  }

  /** Sends the retained messages that a new subscription asks for; those that are durable for a kept session it has already. */
  sendRetained(courier: Courier, filter: string, qos: Qos): void {
    for (const { retained, topic } of this.#store.state.retainedFor(filter)) {
      const sentQos = lesserQos(retained.qos, qos);
      if (courier.isKept && sentQos > 0) continue;
      const { payload } = retained;
      const message: Message = { position: -1, topic: retained.topic, payload, qos: retained.qos, retain: true };
      this.#push(courier.session, message, topic, sentQos, false);
    }
    courier.wake();
  }

  #applied({ woken, volatile, message, dropped }: Applied): void {
    this.dropped += dropped;
    for (const session of woken) {
      if (dropped > 0 && session.queue.dropped > 0) this.onDropped(session, session.queue.dropped);
      this.#couriers.get(session)?.wake();
    }
    if (message === undefined) return;
    for (const { session, topic } of volatile) this.#send(message, [{ subscriber: session, qos: 0 }], topic, false);
    this.#send(message, this.clean.match(message.topic), message.topic, false);
    if (!this.clean.hasShards) return;
    const sharded = shardedTopic(message.topic);
    if (sharded === undefined) return;
    this.#send(message, this.clean.matchShard(sharded.shard, message.topic), sharded.topic, true);
  }

  #send(message: Message, receivers: readonly Receiver<Session>[], topic: string, sharded: boolean): void {
    for (const { subscriber, qos } of receivers) {
      const courier = this.#couriers.get(subscriber);
      if (courier === undefined) continue;
      this.#push(subscriber, message, topic, lesserQos(message.qos, qos), sharded);
      courier.wake();
    }
  }

  #push(session: Session, message: Message, topic: string, qos: Qos, sharded: boolean): void {
    const dropped = session.queue.push(createDelivery(deliveryIdOf(message.position, sharded), message, topic, qos));
    if (dropped === 0) return;
    this.dropped += dropped;
    this.onDropped(session, session.queue.dropped);
  }
}
