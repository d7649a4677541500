import type { BatchRecord, ShareTarget } from './batch.ts';
import {
  createDelivery,
  type Delivery,
  type DeliveryId,
  deliveryIdOf,
  lesserQos,
  type Message,
  type MessageMarks,
  ownBytes,
  ownMessage,
  type Qos,
  sequenceOf,
  shardedTopic,
  shareIdOf,
} from './message.ts';
import type { QueueBounds } from './outbound-queue.ts';
import type { BrokerRecord, LinkOrigin, PublishRecord, StoredSubscription, WillPacket } from './records.ts';
import { type Retained, type RetainedBounds, RetainedStore } from './retained-store.ts';
import { Session } from './session.ts';
import { adoptMoved, beginMove, endMove, giveAway, isNewToMove } from './session-moves.ts';
import { ShareGroups } from './share-groups.ts';
import { parseShardFilter, type Receiver, SubscriptionIndex } from './subscription-index.ts';

export interface StateBounds extends RetainedBounds {
  queueMessagesMax: number;
  queueBytesMax: number;
  /** Bounds of sessions that have their own, by client id. */
  ofSessions?: ReadonlyMap<string, QueueBounds>;
}

export interface Will extends WillPacket {
  clientId: string;
  brokerId: string;
  /** Number of the connection that it belongs to. */
  connection?: number | undefined;
  payload: Buffer;
  appliedPosition: number;
}

export interface AcceptedPosition {
  incarnation: string;
  position: number;
}

/** What a record led to, for those who serve connected clients. */
export interface Applied {
  /** Sessions that got a message of QoS 1 or 2. */
  woken: Session[];
  /** Kept sessions that want a message as QoS 0; it is not queued for those that are away. */
  volatile: { session: Session; message: Message; topic: string }[];
  /** The messages to be routed to clean sessions too, in order. */
  messages: Message[];
  /** For members of share groups here that are no kept sessions (any more). */
  shared: { message: Message; target: ShareTarget }[];
  /** Deliveries that came with a session and were in flight where it was. */
  resumed: { session: Session; deliveries: Delivery[] } | undefined;
  /** False for a record of a link that is out of turn, or a retained message that lost. */
  taken: boolean;
  /** Messages dropped at the bound of a queue. */
  dropped: number;
}

/**
 * The persistent state of a broker: a fold over the journal. `apply` looks at nothing but the state and the record, so that
 * a replay comes to the same state.
 *
 * A session may hold what was applied up to a later position than its neighbours (see snapshot.ts); a record at or below
 * `appliedPosition` does not touch it again. The other parts are joins (the later stamp, the greater position), which a
 * second application does not change.
 */
export class BrokerState {
  readonly #bounds: StateBounds;
  readonly brokerId: string;
  readonly sessions = new Map<string, Session>();
  /** Members of shared subscriptions, those of clean sessions among them. */
  readonly shares = new ShareGroups<Session>();
  readonly index = new SubscriptionIndex<Session>(this.shares);
  readonly retained: RetainedStore;
  readonly wills = new Map<string, Will>();
  readonly accepted = new Map<string, AcceptedPosition>();
  /** Of the last record applied; -1 before the first. */
  position = -1;

  constructor(brokerId: string, bounds: StateBounds) {
    this.brokerId = brokerId;
    this.#bounds = bounds;
    this.retained = new RetainedStore(bounds);
  }

  /** Applies the record at a position of the journal. */
  apply(position: number, record: BrokerRecord): Applied {
    this.position = position;
    const applied: Applied = {
      woken: [],
      volatile: [],
      messages: [],
      shared: [],
      resumed: undefined,
      taken: true,
      dropped: 0,
    };
    switch (record.kind) {
      case 'publish':
        this.#publish(position, record, applied);
        break;
      case 'batch':
        this.#takeBatch(position, record, applied);
        break;
      case 'retained':
        this.#mergeRetained(position, record, applied);
        break;
      case 'session':
        this.#on(position, record.clientId, (session) => {
          session.username ??= record.username;
        });
        break;
      case 'end':
        this.#onKnown(position, record.clientId, (session) => this.#end(session));
        break;
      case 'subscribe':
        this.#on(position, record.clientId, (session) => {
          for (const subscription of record.subscriptions) this.#subscribe(position, session, subscription, applied);
        });
        break;
      case 'unsubscribe':
        this.#onKnown(position, record.clientId, (session) => {
          for (const filter of record.filters) this.#unsubscribe(session, filter);
        });
        break;
      case 'sent':
        this.#onKnown(position, record.clientId, ({ queue }) => {
          queue.markSent((delivery) => delivery.id === record.id, record.messageId);
        });
        break;
      case 'received':
        this.#onKnown(position, record.clientId, ({ queue }) => queue.release(record.messageId));
        break;
      case 'acked':
        for (const [clientId, ids] of record.acks) this.#onKnown(position, clientId, (session) => session.remove(ids));
        break;
      case 'released':
        this.#onKnown(position, record.clientId, ({ incoming }) => {
          if (record.messageId === undefined) incoming.clear();
          else incoming.delete(record.messageId);
        });
        break;
      case 'incoming': {
        const message = {
          position,
          topic: record.topic,
          payload: record.payload,
          qos: 2,
          retain: record.retain,
        } as const;
        this.#onKnown(position, record.clientId, ({ incoming }) => incoming.set(record.messageId, message));
        break;
      }
      case 'will': {
        const { clientId, brokerId, connection, payload } = record;
        if (!this.#isApplied(position, this.wills.get(clientId))) {
          const will = { ...record.will, clientId, brokerId, connection, payload, appliedPosition: position };
          this.wills.set(clientId, will);
        }
        break;
      }
      case 'willGone':
        this.#spendWill(position, record.clientId, record.connection);
        break;
      case 'enqueue':
        this.#enqueueFor(position, record, applied);
        break;
      case 'moveBegin':
        this.#onKnown(position, record.clientId, (session) => {
          beginMove(session, position, record);
          for (const subscription of record.subscriptions) this.#subscribeMoved(session, subscription);
        });
        break;
      case 'given':
        this.#onKnown(position, record.clientId, (session) => giveAway(session, record.ids));
        break;
      case 'moved':
        this.#onKnown(position, record.clientId, (session) => {
          const { inflight, dropped } = adoptMoved(session, position, record.payload);
          applied.resumed = { session, deliveries: inflight };
          applied.dropped += dropped;
          applied.woken.push(session);
        });
        break;
      case 'moveEnd':
        this.#onKnown(position, record.clientId, (session) => endMove(session, record.from));
        break;
      default:
        record satisfies never;
    }
    return applied;
  }

  /** The retained messages that a filter asks for, with the topic under which the subscriber gets each. */
  *retainedFor(filter: string): Generator<{ retained: Retained; topic: string }> {
    const sharded = parseShardFilter(filter);
    for (const retained of this.retained.matching(sharded?.filter ?? filter)) {
      if (sharded === undefined) {
        yield { retained, topic: retained.topic };
        continue;
      }
      const inShard = shardedTopic(retained.topic);
      if (inShard === undefined) continue;
      if (sharded.shard === '+' || sharded.shard === inShard.shard) yield { retained, topic: inShard.topic };
    }
  }

  createSession(clientId: string): Session {
    const { queueMessagesMax, queueBytesMax, ofSessions } = this.#bounds;
    const own = ofSessions?.get(clientId);
    return new Session(clientId, own ?? { messagesMax: queueMessagesMax, bytesMax: queueBytesMax });
  }

  /** Puts a session back that a snapshot held. One that ended and began anew meanwhile stands there twice: the later counts. */
  restoreSession(session: Session): void {
    const earlier = this.sessions.get(session.clientId);
    if (earlier !== undefined) this.#end(earlier);
    this.sessions.set(session.clientId, session);
    for (const { topic, qos } of session.subscriptions.values()) this.index.add(topic, session, qos);
  }

  #publish(position: number, record: PublishRecord, applied: Applied): void {
    if (record.link !== undefined && !this.#acceptFrom(record.link)) {
      applied.taken = false;
      return;
    }
    const { topic, payload, qos, clientId, messageId } = record;
    const marks = marksOf(record);
    const message: Message = { position, topic, payload, qos, retain: false, marks };
    if (record.retain && record.link === undefined) {
      const { stampMs, origin: stampBroker } = record;
      this.retained.merge({ topic, payload, qos, stampMs, stampBroker, via: marks?.via });
    }
    if (clientId !== undefined && record.will) this.#spendWill(position, clientId, record.connection);
    if (clientId !== undefined && messageId !== undefined) {
      this.#onKnown(position, clientId, ({ incoming }) => incoming.set(messageId, message));
    }
    this.#route(message, applied);
    this.#share(message, record.shares, applied);
  }

  /**
   * All of a link's batch is taken, or nothing of it. A replay from a checkpoint may merge the stamped messages of a batch that
   * was out of turn then: its peer sends them again, so they are only early.
   */
  #takeBatch(position: number, { messages, link }: BatchRecord, applied: Applied): void {
    if (link !== undefined && !this.#acceptFrom(link)) {
      applied.taken = false;
      return;
    }
    const source = link === undefined ? undefined : `${link.peer}/${link.incarnation}`;
    const plain: MessageMarks | undefined = link === undefined ? undefined : { origin: link.peer };
    for (const [index, { topic, payload, qos, stampMs, stampBroker, ...rest }] of messages.entries()) {
      let marks = plain;
      if (stampMs !== undefined && stampBroker !== undefined) {
        if (!this.retained.merge({ topic, payload: ownBytes(payload), qos, stampMs, stampBroker })) continue;
        marks = { ...plain, retained: true };
      }
      const { sequence, shares, isForShareOnly } = rest;
      const place = { position, index, source, sequence };
      const message: Message = { ...place, topic, payload, qos, retain: false, isView: true, marks };
      if (isForShareOnly !== true) this.#route(message, applied);
      this.#share(message, shares, applied);
    }
  }

  /** The members that were chosen for the message, if they are here. */
  #share(message: Message, shares: readonly ShareTarget[] | undefined, applied: Applied): void {
    if (shares === undefined) return;
    for (const target of shares) {
      if (target.broker !== this.brokerId) continue;
      const session = target.clientId === undefined ? undefined : this.sessions.get(target.clientId);
      const subscription = session?.subscriptions.get(target.filter);
      if (session === undefined || subscription === undefined) {
        applied.shared.push({ message, target });
        continue;
      }
      if (message.position <= session.appliedPosition) continue;
      const qos = lesserQos(message.qos, subscription.qos);
      if (qos === 0) {
        applied.volatile.push({ session, message, topic: message.topic });
        continue;
      }
      const id = shareIdOf(sequenceOf(message), target.filter);
      this.#enqueue(session, id, ownMessage(message), message.topic, qos, applied, target.filter);
    }
  }

  /** Each kept session that wants the message gets it once, and once more inside the shard's space if it asked for that. */
  #route(message: Message, applied: Applied): void {
    const { topic } = message;
    const plain = this.index.match(topic);
    const sharded = this.index.hasShards ? shardedTopic(topic) : undefined;
    const inShard = sharded === undefined ? [] : this.index.matchShard(sharded.shard, topic);
    const shared = plain.length + inShard.length > 0 ? ownMessage(message) : message;
    applied.messages.push(shared);
    this.#deliver(shared, plain, topic, false, applied);
    if (sharded !== undefined) this.#deliver(shared, inShard, sharded.topic, true, applied);
  }

  #deliver(
    message: Message,
    receivers: readonly Receiver<Session>[],
    topic: string,
    sharded: boolean,
    applied: Applied,
  ): void {
    for (const { subscriber, qos } of receivers) {
      if (message.position <= subscriber.appliedPosition || message.marks?.via === subscriber.clientId) continue;
      const deliveryQos = lesserQos(message.qos, qos);
      if (deliveryQos === 0) applied.volatile.push({ session: subscriber, message, topic });
      else this.#enqueue(subscriber, deliveryIdOf(message, sharded), message, topic, deliveryQos, applied);
    }
  }

  #enqueue(
    session: Session,
    id: DeliveryId,
    message: Message,
    topic: string,
    qos: Qos,
    applied: Applied,
    share?: string,
  ): void {
    const delivery = createDelivery(id, message, topic, qos);
    delivery.share = share;
    if (session.move !== undefined && !isNewToMove(session.move, delivery)) return;
    applied.dropped += session.queue.push(delivery);
    applied.woken.push(session);
  }

  #subscribe(position: number, session: Session, subscription: StoredSubscription, applied: Applied): void {
    session.subscriptions.set(subscription.topic, subscription);
    this.index.add(subscription.topic, session, subscription.qos);
    if (subscription.qos === 0) return;
    for (const { retained, topic } of this.retainedFor(subscription.topic)) {
      if (retained.via === session.clientId) continue;
      const qos = lesserQos(retained.qos, subscription.qos);
      if (qos === 0) continue;
      const message: Message = { ...retained, position, retain: true };
      this.#enqueue(session, `${position}:${topic}`, message, topic, qos, applied);
    }
  }

  /** The client has its retained messages since it subscribed. What it subscribed to here in between stays. */
  #subscribeMoved(session: Session, subscription: StoredSubscription): void {
    if (session.subscriptions.has(subscription.topic)) return;
    session.subscriptions.set(subscription.topic, subscription);
    this.index.add(subscription.topic, session, subscription.qos);
  }

  #unsubscribe(session: Session, filter: string): void {
    if (session.subscriptions.delete(filter)) this.index.remove(filter, session);
  }

  #end(session: Session): void {
    for (const filter of [...session.subscriptions.keys()]) this.#unsubscribe(session, filter);
    this.sessions.delete(session.clientId);
  }

  #mergeRetained(position: number, record: BrokerRecord & { kind: 'retained' }, applied: Applied): void {
    const { topic, payload, qos, stampMs, stampBroker } = record;
    applied.taken = this.retained.merge({ topic, payload, qos, stampMs, stampBroker });
    if (!applied.taken) return;
    const marks: MessageMarks = { retained: true, origin: stampBroker };
    this.#route({ position, topic, payload, qos, retain: false, marks }, applied);
  }

  #enqueueFor(position: number, record: BrokerRecord & { kind: 'enqueue' }, applied: Applied): void {
    const { topic, qos, brokerId, brokerCounter } = record;
    const payload = record.isText ? record.payload.toString('utf8') : record.payload;
    const message: Message = { position, topic, payload, qos, retain: false, brokerId, brokerCounter };
    for (const clientId of record.clientIds) {
      this.#on(position, clientId, (session) => {
        this.#enqueue(session, deliveryIdOf(message, false), message, topic, qos, applied);
      });
    }
  }

  /**
   * Whether a link's message is the next from its peer. It is not when the one before it could not be stored: then the peer
   * sends both again, and taking the later one now would make the earlier look like a duplicate.
   */
  #acceptFrom({ peer, incarnation, position, previous }: LinkOrigin): boolean {
    const known = this.accepted.get(peer);
    const at = known?.incarnation === incarnation ? known.position : -1;
    if (previous > at) return false;
    this.accepted.set(peer, { incarnation, position: Math.max(at, position) });
    return true;
  }

  #on(position: number, clientId: string, change: (session: Session) => void): void {
    let session = this.sessions.get(clientId);
    if (session === undefined) {
      session = this.createSession(clientId);
      this.sessions.set(clientId, session);
    }
    if (!this.#isApplied(position, session)) change(session);
  }

  #onKnown(position: number, clientId: string, change: (session: Session) => void): void {
    const session = this.sessions.get(clientId);
    if (session !== undefined && !this.#isApplied(position, session)) change(session);
  }

  /** A will goes with the connection that it belongs to; the one of a newer connection under the same client id stays. */
  #spendWill(position: number, clientId: string, connection: number | undefined): void {
    const will = this.wills.get(clientId);
    if (will === undefined || this.#isApplied(position, will)) return;
    if (connection === undefined || will.connection === undefined || will.connection === connection) {
      this.wills.delete(clientId);
    }
  }

  #isApplied(position: number, part: { appliedPosition: number } | undefined): boolean {
    return part !== undefined && position <= part.appliedPosition;
  }
}

function marksOf({ retain, path, clientId, link, origin }: PublishRecord): MessageMarks | undefined {
  if (!retain && path === undefined && link === undefined) return undefined;
  return {
    ...(retain ? { retained: true } : {}),
    ...(path !== undefined && clientId !== undefined ? { via: clientId, path } : {}),
    ...(link === undefined ? {} : { origin }),
  };
}
