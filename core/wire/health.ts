import { z } from 'zod';
import { isMeshName } from './topics.ts';

/**
 * What brokers and gateways say of themselves every 5 s under `mesh/v1/{site}/{node}/health`. The gateways store it as the
 * measurements `broker_health` and `gateway_health` (tags site, node), one field per number, so that the dashboards of the
 * mesh itself come out of the same store as the readings. Links are flattened: `link_up`, `link_backlog` and so on, summed.
 */
const count = z.number().min(0);
const meshName = z.string().refine(isMeshName, 'no name of the mesh');

export const linkStateSchema = z.object({
  peer: z.string(),
  state: z.enum(['up', 'connecting', 'down', 'refused']),
  /** Round trip of the last ping, ms. */
  roundTripMs: z.number().nullable(),
  /** Messages on disk that the peer has not acknowledged. */
  backlogMessages: count,
  sent: count,
  received: count,
  duplicates: count,
  dropped: count,
});
export type LinkState = z.infer<typeof linkStateSchema>;

export const brokerHealthSchema = z.object({
  kind: z.literal('broker'),
  node: meshName,
  atMs: z.int(),
  uptimeS: count,
  rssBytes: count,
  connections: count,
  sessions: count,
  subscriptions: count,
  retained: count,
  /** Since the start of this process. */
  publishedTotal: count,
  deliveredTotal: count,
  refusedTotal: count,
  droppedTotal: count,
  /** Messages queued for sessions that are away or slow. */
  queued: count,
  journalBytes: count,
  /** p99 of the last minute, ms from arrival to sync. */
  commitP99Ms: count,
  links: z.array(linkStateSchema),
});
export type BrokerHealth = z.infer<typeof brokerHealthSchema>;

export const gatewayHealthSchema = z.object({
  kind: z.literal('gateway'),
  node: meshName,
  atMs: z.int(),
  uptimeS: count,
  rssBytes: count,
  /** Whether it is connected to its broker. */
  brokerUp: z.boolean(),
  /** Whether the store took the last write. */
  storeUp: z.boolean(),
  devices: count,
  shards: count,
  receivedTotal: count,
  storedTotal: count,
  duplicatesTotal: count,
  rejectedTotal: count,
  droppedTotal: count,
  missingTotal: count,
  bufferReadings: count,
  bufferBytes: count,
  /** Device stamp to stored, ms, over the last minute. */
  storedP50Ms: count,
  storedP99Ms: count,
});
export type GatewayHealth = z.infer<typeof gatewayHealthSchema>;

export const healthSchema = z.discriminatedUnion('kind', [brokerHealthSchema, gatewayHealthSchema]);
export type Health = z.infer<typeof healthSchema>;

export const HEALTH_INTERVAL_MS = 5_000;
