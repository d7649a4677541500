import { type Applied, isApplied, nothingApplied } from './applied.ts';
import { Distribution } from './distribution.ts';
import { type AcceptedPosition, Intake } from './intake.ts';
import { deliveryIdOf, lesserQos, type Message, shardedTopic } from './message.ts';
import type { QueueBounds } from './outbound-queue.ts';
import type { BrokerRecord, StoredSubscription } from './records.ts';
import { type Retained, type RetainedBounds, RetainedStore } from './retained-store.ts';
import { Session } from './session.ts';
import { adoptMoved, beginMove, endMove, giveAway } from './session-moves.ts';
import { ShareGroups } from './share-groups.ts';
import { parseShardFilter, SubscriptionIndex } from './subscription-index.ts';
import { Wills } from './wills.ts';

export interface StateBounds extends RetainedBounds {
  queueMessagesMax: number;
  queueBytesMax: number;
  /** Bounds of sessions that have their own, by client id. */
  ofSessions?: ReadonlyMap<string, QueueBounds>;
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
  readonly #distribution: Distribution;
  readonly #intake: Intake;
  readonly brokerId: string;
  readonly sessions = new Map<string, Session>();
  /** Members of shared subscriptions, those of clean sessions among them. */
  readonly shares = new ShareGroups<Session>();
  readonly index = new SubscriptionIndex<Session>(this.shares);
  readonly retained: RetainedStore;
  readonly wills = new Wills();
  readonly accepted = new Map<string, AcceptedPosition>();
  /** Of the last record applied; -1 before the first. */
  position = -1;

  constructor(brokerId: string, bounds: StateBounds) {
    this.brokerId = brokerId;
    this.#bounds = bounds;
    this.retained = new RetainedStore(bounds);
    const { sessions, index, retained, wills, accepted } = this;
    this.#distribution = new Distribution({ brokerId, sessions, index });
    this.#intake = new Intake({ sessions, retained, wills, accepted, distribution: this.#distribution });
  }

  /** Applies the record at a position of the journal. */
  apply(position: number, record: BrokerRecord): Applied {
    this.position = position;
    const applied = nothingApplied();
    switch (record.kind) {
      case 'publish':
        this.#intake.publish(position, record, applied);
        break;
      case 'batch':
        this.#intake.takeBatch(position, record, applied);
        break;
      case 'retained':
        this.#intake.mergeRetained(position, record, applied);
        break;
      case 'putBack':
        this.retained.putBack(record, this.brokerId);
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
      case 'will':
        this.wills.keep(position, record);
        break;
      case 'willGone':
        this.wills.spend(position, record.clientId, record.connection);
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

  #subscribe(position: number, session: Session, subscription: StoredSubscription, applied: Applied): void {
    session.subscriptions.set(subscription.topic, subscription);
    this.index.add(subscription.topic, session, subscription.qos);
    if (subscription.qos === 0) return;
    for (const { retained, topic } of this.retainedFor(subscription.topic)) {
      if (retained.via === session.clientId) continue;
      const qos = lesserQos(retained.qos, subscription.qos);
      if (qos === 0) continue;
      const message: Message = { ...retained, position, retain: true };
      this.#distribution.enqueue(session, `${position}:${topic}`, message, topic, qos, applied);
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

  #enqueueFor(position: number, record: BrokerRecord & { kind: 'enqueue' }, applied: Applied): void {
    const { topic, qos, brokerId, brokerCounter } = record;
    const payload = record.isText ? record.payload.toString('utf8') : record.payload;
    const message: Message = { position, topic, payload, qos, retain: false, brokerId, brokerCounter };
    for (const clientId of record.clientIds) {
      this.#on(position, clientId, (session) => {
        this.#distribution.enqueue(session, deliveryIdOf(message, false), message, topic, qos, applied);
      });
    }
  }

  #on(position: number, clientId: string, change: (session: Session) => void): void {
    let session = this.sessions.get(clientId);
    if (session === undefined) {
      session = this.createSession(clientId);
      this.sessions.set(clientId, session);
    }
    if (!isApplied(position, session)) change(session);
  }

  #onKnown(position: number, clientId: string, change: (session: Session) => void): void {
    const session = this.sessions.get(clientId);
    if (session !== undefined && !isApplied(position, session)) change(session);
  }
}
