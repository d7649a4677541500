export type { Applied } from './applied.ts';
export {
  BATCH_BYTES_MAX,
  BATCH_MESSAGES_MAX,
  type BatchMessage,
  type BatchRecord,
  PACKETS_HEADER_BYTES,
  type ShareTarget,
  writePacketsHeader,
} from './batch.ts';
export {
  createDelivery,
  type Delivery,
  type DeliveryId,
  deliveryIdOf,
  identityOf,
  lesserQos,
  type Message,
  type MessageMarks,
  ownMessage,
  type Qos,
  sequenceOf,
  shardedTopic,
  shareIdOf,
} from './message.ts';
export { type LocalMessage, messagesOf } from './messages-of.ts';
export { OutboundQueue, type QueueBounds } from './outbound-queue.ts';
export {
  type BrokerRecord,
  decodeRecord,
  encodeRecord,
  type LinkOrigin,
  type PublishRecord,
  type StoredSubscription,
  type WillPacket,
} from './records.ts';
export { type Retained, RetainedStore } from './retained-store.ts';
export { Session } from './session.ts';
export { ShareGroup, ShareGroups, type ShareMember } from './share-groups.ts';
export { type SnapshotFrame, SnapshotLoader, snapshotFrames } from './snapshot.ts';
export { BrokerState, type StateBounds } from './state.ts';
export { parseShardFilter, type Receiver, SubscriptionIndex } from './subscription-index.ts';
export type { Will } from './wills.ts';
