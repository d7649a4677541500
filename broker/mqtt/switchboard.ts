import { filterMatches } from '../../core/wire/index.ts';
import {
  type Applied,
  lesserQos,
  type Message,
  type MessageMarks,
  type Qos,
  type Receiver,
  type Session,
  SubscriptionIndex,
  shardedTopic,
} from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { Courier } from './courier.ts';

/** Who brings a session its messages: the courier of its connected client, or a bridge. */
export interface Attendant {
  readonly session: Session;
  /** Whether the session outlives the connection. */
  readonly isKept: boolean;
  /** There may be something to send. */
  wake(): void;
  /** Takes a message that is in no kept session's queue. Returns how many messages the bound of the queue has cost. */
  offer(message: Message, topic: string, qos: Qos, sharded: boolean): number;
  stop(): void;
}

/** A connected client with a clean session that gets a topic's messages. */
export interface CleanReceiver {
  courier: Courier;
  /** The highest that it was granted. */
  qos: Qos;
  /** Under which topic: the message's own, or the one inside its shard's space. */
  topic: string;
  sharded: boolean;
}

/** Who gets the messages of a topic. */
export interface Recipients {
  clean: readonly CleanReceiver[];
  /** Whether a kept session gets them too. */
  hasKept: boolean;
}

/**
 * Routes messages to connected clients. Kept sessions got their messages of QoS 1 and 2 when the record was applied, and
 * only their couriers are woken here; clean sessions, and QoS 0, live in memory alone.
 */
export class Switchboard {
  readonly #store: BrokerStore;
  readonly #couriers = new Map<Session, Attendant>();
  #connects = 0;
  /** Subscriptions of clean sessions. */
  readonly clean = new SubscriptionIndex<Session>();
  /** What the broker tells of itself under `$SYS/`: the last message of each topic. */
  readonly #system = new Map<string, Buffer>();
  /** Messages dropped at the bound of a session's queue. */
  dropped = 0;
  /** Told of each drop, for the log. */
  onDropped: (session: Session, count: number) => void = () => {};

  constructor(store: BrokerStore) {
    this.#store = store;
    store.onApplied = (applied) => {
      this.applied(applied);
      for (const message of applied.messages) this.#routeToClean(message);
    };
  }

  /** Grows whenever what recipientsOf() says may have changed. */
  get version(): number {
    return this.#store.state.index.version + this.clean.version + this.#connects;
  }

  attach(courier: Attendant): void {
    this.#couriers.set(courier.session, courier);
    this.#connects += 1;
  }

  isConnected(session: Session): boolean {
    return this.#couriers.has(session);
  }

  detach(courier: Attendant): void {
    courier.stop();
    this.#connects += 1;
    if (this.#couriers.get(courier.session) === courier) this.#couriers.delete(courier.session);
    if (courier.isKept) return;
    for (const filter of courier.session.subscriptions.keys()) this.clean.remove(filter, courier.session);
    courier.session.subscriptions.clear();
  }

  recipientsOf(topic: string): Recipients {
    const { index } = this.#store.state;
    const sharded = index.hasShards || this.clean.hasShards ? shardedTopic(topic) : undefined;
    const inShard = <S>(one: SubscriptionIndex<S>): readonly Receiver<S>[] =>
      sharded === undefined ? [] : one.matchShard(sharded.shard, topic);
    const clean = [
      ...this.#cleanReceivers(this.clean.match(topic), topic, false),
      ...this.#cleanReceivers(inShard(this.clean), sharded?.topic ?? topic, true),
    ];
    return { clean, hasKept: index.match(topic).length + inShard(index).length > 0 };
  }

  /** Routes a message that is in no journal. */
  routeVolatile(topic: string, payload: Buffer, marks?: MessageMarks): void {
    const message: Message = { position: -1, topic, payload, qos: 0, retain: false, marks };
    this.routeVolatileToKept(message);
    this.#routeToClean(message);
  }

  routeVolatileToKept(message: Message): void {
    const { index } = this.#store.state;
    const { topic } = message;
    this.#send(message, index.match(topic), topic, false);
    if (!index.hasShards) return;
    const sharded = shardedTopic(topic);
    if (sharded !== undefined) this.#send(message, index.matchShard(sharded.shard, topic), sharded.topic, true);
  }

  /** Routes a message of the broker about itself, and keeps it for later subscribers. It never leaves this broker. */
  publishSystem(topic: string, payload: Buffer): void {
    this.#system.set(topic, payload);
    this.routeVolatile(topic, payload);
  }

  /** Sends the retained messages that a new subscription asks for; those that are durable for a kept session it has already. */
  sendRetained(courier: Attendant, filter: string, qos: Qos): void {
    for (const { retained, topic } of this.#store.state.retainedFor(filter)) {
      const sentQos = lesserQos(retained.qos, qos);
      if ((courier.isKept && sentQos > 0) || retained.via === courier.session.clientId) continue;
      const { payload } = retained;
      const message: Message = { position: -1, topic: retained.topic, payload, qos: retained.qos, retain: true };
      this.offer(courier, message, topic, sentQos, false);
    }
    for (const [topic, payload] of this.#system) {
      if (!filterMatches(filter, topic)) continue;
      this.offer(courier, { position: -1, topic, payload, qos: 0, retain: true }, topic, 0, false);
    }
  }

  /** Hands a message to a courier, and counts what the bound of its queue has cost. */
  offer(courier: Attendant, message: Message, topic: string, qos: Qos, sharded: boolean): void {
    const dropped = courier.offer(message, topic, qos, sharded);
    if (dropped === 0) return;
    this.dropped += dropped;
    this.onDropped(courier.session, courier.session.queue.dropped);
  }

  /** Wakes those whose kept sessions got something. */
  applied({ woken, volatile, dropped }: Applied): void {
    this.dropped += dropped;
    for (const session of woken) {
      if (dropped > 0 && session.queue.dropped > 0) this.onDropped(session, session.queue.dropped);
      this.#couriers.get(session)?.wake();
    }
    for (const { session, message, topic } of volatile) {
      this.#send(message, [{ subscriber: session, qos: 0 }], topic, false);
    }
  }

  #cleanReceivers(receivers: readonly Receiver<Session>[], topic: string, sharded: boolean): CleanReceiver[] {
    return receivers.flatMap(({ subscriber, qos }) => {
      // Bridges have kept sessions, so who attends to a clean one is a client's courier.
      const courier = this.#couriers.get(subscriber) as Courier | undefined;
      return courier === undefined ? [] : [{ courier, qos, topic, sharded }];
    });
  }

  #routeToClean(message: Message): void {
    this.#send(message, this.clean.match(message.topic), message.topic, false);
    if (!this.clean.hasShards) return;
    const sharded = shardedTopic(message.topic);
    if (sharded === undefined) return;
    this.#send(message, this.clean.matchShard(sharded.shard, message.topic), sharded.topic, true);
  }

  #send(message: Message, receivers: readonly Receiver<Session>[], topic: string, sharded: boolean): void {
    for (const { subscriber, qos } of receivers) {
      const courier = this.#couriers.get(subscriber);
      if (courier === undefined || message.marks?.via === subscriber.clientId) continue;
      this.offer(courier, message, topic, lesserQos(message.qos, qos), sharded);
    }
  }
}
