import { shardOfTopic, shardTopic } from '../../core/wire/index.ts';

export type Qos = 0 | 1 | 2;

/** A message as the broker holds it: one object, shared by every session that waits for it. */
export interface Message {
  /** Where it stands in the journal; -1 for a volatile one, which is in no journal. */
  readonly position: number;
  readonly topic: string;
  /** A text only when it came in as one through the persistence port; MQTT itself carries bytes. */
  readonly payload: Buffer | string;
  readonly qos: Qos;
  /** Sent with the retain flag: it answers a subscription. */
  readonly retain: boolean;
  /** The stamp of Aedes; only messages enqueued through its persistence port have one. */
  readonly brokerId?: string | undefined;
  readonly brokerCounter?: number | undefined;
}

/** How a delivery of a message is named in acknowledgements: the same after every replay of the journal. */
export type DeliveryId = number | string;

/** One message on its way to one session. */
export interface Delivery {
  id: DeliveryId;
  readonly message: Message;
  /** The message's own topic, or the one inside a shard's space. */
  readonly topic: string;
  /** The lesser of what was published and what was granted (MQTT 3.1.1, 3.8.4). */
  readonly qos: Qos;
  readonly bytes: number;
  /** Order of arrival in its session. */
  order: number;
  messageId: number | undefined;
  /** `released`: PUBREC has come, so PUBREL is owed and not the message. */
  phase: 'queued' | 'sent' | 'released';
}

/** A plain delivery has an even id, one inside the shard's space the odd one next to it. */
export function deliveryIdOf(position: number, sharded: boolean): DeliveryId {
  return position * 2 + (sharded ? 1 : 0);
}

export function createDelivery(id: DeliveryId, message: Message, topic: string, qos: Qos): Delivery {
  return {
    id,
    message,
    topic,
    qos,
    bytes: topic.length + message.payload.length,
    order: 0,
    messageId: undefined,
    phase: 'queued',
  };
}

/** The topic of a message inside its shard's space; undefined outside of the mesh. */
export function shardedTopic(topic: string): { shard: number; topic: string } | undefined {
  const shard = shardOfTopic(topic);
  return shard === undefined ? undefined : { shard, topic: shardTopic(shard, topic) };
}

export function lesserQos(a: Qos, b: Qos): Qos {
  return a < b ? a : b;
}
