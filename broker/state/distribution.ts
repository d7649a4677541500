import type { Applied } from './applied.ts';
import type { ShareTarget } from './batch.ts';
import {
  createDelivery,
  type DeliveryId,
  deliveryIdOf,
  lesserQos,
  type Message,
  ownMessage,
  type Qos,
  sequenceOf,
  shardedTopic,
  shareIdOf,
} from './message.ts';
import type { Session } from './session.ts';
import { isNewToMove } from './session-moves.ts';
import type { Receiver, SubscriptionIndex } from './subscription-index.ts';

export interface DistributionOptions {
  brokerId: string;
  sessions: ReadonlyMap<string, Session>;
  index: SubscriptionIndex<Session>;
}

/** Puts messages into the queues of the kept sessions that are to have them. */
export class Distribution {
  readonly #brokerId: string;
  readonly #sessions: ReadonlyMap<string, Session>;
  readonly #index: SubscriptionIndex<Session>;

  constructor({ brokerId, sessions, index }: DistributionOptions) {
    this.#brokerId = brokerId;
    this.#sessions = sessions;
    this.#index = index;
  }

  /** Each kept session that wants the message gets it once, and once more inside the shard's space if it asked for that. */
  route(message: Message, applied: Applied): void {
    const { topic } = message;
    const plain = this.#index.match(topic);
    const sharded = this.#index.hasShards ? shardedTopic(topic) : undefined;
    const inShard = sharded === undefined ? [] : this.#index.matchShard(sharded.shard, topic);
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
      else this.enqueue(subscriber, deliveryIdOf(message, sharded), message, topic, deliveryQos, applied);
    }
  }

  enqueue(
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

  /** The members that were chosen for the message, if they are here. */
  share(message: Message, shares: readonly ShareTarget[] | undefined, applied: Applied): void {
    if (shares === undefined) return;
    for (const target of shares) {
      if (target.broker !== this.#brokerId) continue;
      const session = target.clientId === undefined ? undefined : this.#sessions.get(target.clientId);
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
      this.enqueue(session, id, ownMessage(message), message.topic, qos, applied, target.filter);
    }
  }
}
