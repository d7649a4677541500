import { shardOfTopic, shardTopic } from '../../core/wire/index.ts';
import { BATCH_MESSAGES_MAX } from './batch.ts';

export type Qos = 0 | 1 | 2;

/** A message as the broker holds it: one object, shared by every session that waits for it. */
export interface Message {
  /** Position of its record in the journal; -1 for a volatile one, which is in no journal. */
  readonly position: number;
  /** Its place in the record, when that is a batch. */
  readonly index?: number;
  readonly topic: string;
  /** A text only when it came in as one through the persistence port; MQTT itself carries bytes. */
  readonly payload: Buffer | string;
  readonly qos: Qos;
  /** Sent with the retain flag: it answers a subscription. */
  readonly retain: boolean;
  /** The payload is a view on bytes of many messages, which may be used again: whoever keeps the message copies it. */
  readonly isView?: boolean;
  /** The stamp of Aedes; only messages enqueued through its persistence port have one. */
  readonly brokerId?: string | undefined;
  readonly brokerCounter?: number | undefined;
  /** The broker and the life of it that published the message, when that was another one. */
  readonly source?: string | undefined;
  /** Which message of its source it is; see sequenceOf. */
  readonly sequence?: number | undefined;
  readonly marks?: MessageMarks | undefined;
}

/** What subscribers of MQTT 3.1.1 are not told of a message, and bridges need to know; left out when there is nothing to say. */
export interface MessageMarks {
  /** It was published with the retain flag. */
  retained?: true;
  /** The session of the bridge through which it came in, which therefore does not get it. */
  via?: string;
  /** The brokers that it had passed before that bridge, the first one first. */
  path?: readonly string[];
  /** The broker of this mesh from which it came over a link. */
  origin?: string;
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
  /** The share filter that it is for: when the client goes, it is for another member. */
  share: string | undefined;
  /** Of one that came with a session from another broker; see identityOf. */
  identity: string | undefined;
}

/** The message with bytes of its own, for whoever keeps it. */
export function ownMessage(message: Message): Message {
  if (message.isView !== true) return message;
  const { position, index = 0, topic, payload, qos, retain, source, sequence, marks } = message;
  return { position, index, topic, payload: ownBytes(payload as Buffer), qos, retain, source, sequence, marks };
}

/** A copy that keeps nothing else in memory; Node's pool would, in slabs of 64 KiB. */
export function ownBytes(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length);
  copy.set(bytes);
  return copy;
}

/** A plain delivery has an even id, one inside the shard's space the odd one next to it. */
export function deliveryIdOf(
  { position, index = 0 }: Pick<Message, 'position' | 'index'>,
  sharded: boolean,
): DeliveryId {
  return sequenceOf({ position, index }) * 2 + (sharded ? 1 : 0);
}

/** A session may get a message for itself and for a share. */
export function shareIdOf(sequence: number, share: string): DeliveryId {
  return `${sequence}~${share}`;
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
    share: undefined,
    identity: undefined,
  };
}

/** Which of its broker's messages a message is, for as long as its journal lives. */
export function sequenceOf({ position, index = 0 }: Pick<Message, 'position' | 'index'>): number {
  return position * BATCH_MESSAGES_MAX + index;
}

/**
 * Which message a delivery brings, the same in every session and at every broker: `{origin}/{sequence}`, and for what this
 * broker published `={delivery id}`, so that its own incarnation need not be known here.
 */
export function identityOf({ id, identity, message, topic, share }: Delivery): string {
  if (identity !== undefined) return identity;
  const { source, sequence } = message;
  if (source === undefined || sequence === undefined) return `=${id}`;
  const place = share === undefined ? sequence * 2 + (topic === message.topic ? 0 : 1) : shareIdOf(sequence, share);
  return `${source}/${place}`;
}

/** The topic of a message inside its shard's space; undefined outside of the mesh. */
export function shardedTopic(topic: string): { shard: number; topic: string } | undefined {
  const shard = shardOfTopic(topic);
  return shard === undefined ? undefined : { shard, topic: shardTopic(shard, topic) };
}

export function lesserQos(a: Qos, b: Qos): Qos {
  return a < b ? a : b;
}
