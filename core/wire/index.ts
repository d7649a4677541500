export { type AgreementStatus, agreementStatusSchema } from './agreement-status.ts';
export { type BrokerCommand, type BrokerReply, brokerCommandSchema, brokerReplySchema } from './broker-command.ts';
export {
  BROKER_URLS_MAX,
  BROKERS_LISTED_MAX,
  BROKERS_TOPIC,
  type BrokerEntry,
  type BrokerList,
  brokerListSchema,
  parseBrokerList,
} from './broker-list.ts';
export { brokerUrlSchema } from './broker-url.ts';
export {
  type ClockMemberStatus,
  type ClockStatus,
  clockMemberStatusSchema,
  clockStatusSchema,
} from './clock-status.ts';
export {
  type ClockFault,
  type ClockRow,
  clockFaults,
  clockRows,
  isMaster,
  masterOf,
  type NamedClock,
} from './clock-table.ts';
export { DEAD_LETTER_PAYLOAD_BYTES_MAX, type DeadLetter, deadLetter, deadLetterSchema } from './dead-letter.ts';
export { type DeviceMeta, deviceMetaSchema } from './device-meta.ts';
export { FENCE_HEADER, type FencingToken, formatFence, parseFence } from './fence.ts';
export { type Gap, gapSchema } from './gap.ts';
export {
  accountSchema,
  type GatewayStatus,
  gatewayStatusSchema,
  type ReadingAccount,
  sumAccounts,
} from './gateway-status.ts';
export {
  type BridgeState,
  type BrokerHealth,
  bridgeStateSchema,
  brokerHealthSchema,
  type GatewayHealth,
  gatewayHealthSchema,
  HEALTH_INTERVAL_MS,
  type Health,
  healthSchema,
  type LinkState,
  linkStateSchema,
  type StreamState,
  streamStateSchema,
} from './health.ts';
export { discoveryPayload, discoveryTopic, HOME_ASSISTANT_STATUS_TOPIC } from './home-assistant.ts';
export { type LinkGap, linkGapSchema } from './link-gap.ts';
export { isMetricName, METRICS, type Metric, type MetricName, metricOf } from './metrics.ts';
export { MEASUREMENTS, type Point, readingPoint, type StampedReading } from './points.ts';
export {
  encodeReading,
  identityOf,
  isReadingFault,
  type MetricValue,
  parseReading,
  READING_LIMITS,
  type Reading,
  TIME_QUALITIES,
  type TimeQuality,
} from './reading.ts';
export {
  fnv1a,
  parseShardTopic,
  SHARD_COUNT,
  shardOf,
  shardOfTopic,
  shardPreference,
  shardsOwnedBy,
  shardTopic,
} from './shards.ts';
export { parseShareFilter } from './share-filter.ts';
export { type TimeReferenceStatus, timeReferenceSchema } from './time-reference.ts';
export { type TimeTarget, timeTargetSchema } from './time-target.ts';
export {
  filterCovers,
  filterMatches,
  isMeshName,
  isProbe,
  MESH_ROOT,
  type MeshTopic,
  meshFilter,
  meshTopic,
  PROBE_DEVICE_PREFIX,
  parseMeshTopic,
  TOPIC_KINDS,
  type TopicKind,
} from './topics.ts';
