import { filterMatches } from '../../core/wire/index.ts';
import { AdvertisedShares } from '../shares/index.ts';
import {
  type Applied,
  type Delivery,
  lesserQos,
  type Message,
  type MessageMarks,
  type Qos,
  type Receiver,
  type Session,
  type ShareTarget,
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
  /** The same for a message of a shared subscription; clients alone have them. */
  offerShared?(message: Message, share: string, qos: Qos): number;
  /** Sends again what came with the session from another broker. */
  resume?(deliveries: readonly Delivery[]): void;
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
  readonly clean: SubscriptionIndex<Session>;
  /** What the broker tells of itself under `$SYS/`: the last message of each topic. */
  readonly #system = new Map<string, Buffer>();
  /** Messages dropped at the bound of a session's queue. */
  dropped = 0;
  /** What other brokers are told of the members of shared subscriptions. */
  readonly advertised: AdvertisedShares<Session>;
  /** Told of a message for a member of a shared subscription who is not here. */
  onOrphaned: (message: Message, filter: string) => void = () => {};
  /** Told when a connection has ended, of the session as it is then. */
  onDetached: (session: Session, isKept: boolean) => void = () => {};
  /** Told of each drop, for the log. */
  onDropped: (session: Session, count: number) => void = () => {};

  constructor(store: BrokerStore) {
    this.#store = store;
    this.clean = new SubscriptionIndex(store.state.shares);
    this.advertised = new AdvertisedShares(store.state.shares, (session) => this.isConnected(session));
    store.onApplied = (applied) => {
      this.applied(applied);
      for (const message of applied.messages) this.#routeToClean(message);
      for (const { message, target } of applied.shared) {
        if (!this.#sendShared(message, target)) this.onOrphaned(message, target.filter);
      }
    };
  }

  /** Grows whenever what recipientsOf() says may have changed. */
  get version(): number {
    return this.#store.state.index.version + this.clean.version + this.#connects;
  }

  attach(courier: Attendant): void {
    this.#couriers.set(courier.session, courier);
    this.#refreshShares(courier.session);
    this.#connects += 1;
  }

  isConnected(session: Session): boolean {
    return this.#couriers.has(session);
  }

  detach(courier: Attendant): void {
    courier.stop();
    this.#connects += 1;
    if (this.#couriers.get(courier.session) === courier) this.#couriers.delete(courier.session);
    const { session, isKept } = courier;
    if (isKept) {
      this.#refreshShares(session);
    } else {
      for (const filter of session.subscriptions.keys()) this.clean.remove(filter, session);
      session.subscriptions.clear();
    }
    if (!this.isConnected(session)) this.onDetached(session, isKept);
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

  /** Sends a QoS 0 message to the member that was chosen, who is connected. */
  shareVolatile(topic: string, payload: Buffer, target: ShareTarget): void {
    this.#sendShared({ position: -1, topic, payload, qos: 0, retain: false }, target);
  }

  /** Routes a message of the broker about itself, and keeps it for later subscribers, unless it is empty. It never leaves this broker. */
  publishSystem(topic: string, payload: Buffer): void {
    if (payload.length > 0) this.#system.set(topic, payload);
    else this.#system.delete(topic);
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
    this.#countDrops(courier, courier.offer(message, topic, qos, sharded));
  }

  /** Wakes those whose kept sessions got something. */
  applied({ woken, volatile, resumed, dropped }: Applied): void {
    this.dropped += dropped;
    if (resumed !== undefined) this.#couriers.get(resumed.session)?.resume?.(resumed.deliveries);
    for (const session of woken) {
      if (dropped > 0 && session.queue.dropped > 0) this.onDropped(session, session.queue.dropped);
      this.#couriers.get(session)?.wake();
    }
    for (const { session, message, topic } of volatile) {
      this.#send(message, [{ subscriber: session, qos: 0 }], topic, false);
    }
  }

  #countDrops({ session }: Attendant, dropped: number): void {
    if (dropped === 0) return;
    this.dropped += dropped;
    this.onDropped(session, session.queue.dropped);
  }

  /** False when the member is not connected. */
  #sendShared(message: Message, { filter, clientId }: ShareTarget): boolean {
    const members = this.#store.state.shares.get(filter)?.members ?? [];
    const member = members.find(({ subscriber }) => subscriber.clientId === clientId);
    const courier = member && this.#couriers.get(member.subscriber);
    if (member === undefined || courier?.offerShared === undefined) return false;
    this.#countDrops(courier, courier.offerShared(message, filter, lesserQos(message.qos, member.qos)));
    return true;
  }

  #refreshShares({ subscriptions }: Session): void {
    if (this.#store.state.shares.isEmpty) return;
    for (const filter of subscriptions.keys()) if (filter.startsWith('$share/')) this.advertised.refresh(filter);
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
