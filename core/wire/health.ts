import { z } from 'zod';
import { BROKER_URLS_MAX } from './broker-list.ts';
import { brokerUrlSchema } from './broker-url.ts';
import { clockStatusSchema } from './clock-status.ts';
import { isMeshName } from './topics.ts';

/**
 * What brokers and gateways say of themselves every 5 s under `mesh/v1/{site}/{node}/health`. The gateways store it as the
 * measurements `broker_health` and `gateway_health` (tags site, node), one field per number, so that the dashboards of the
 * mesh itself come out of the same store as the readings. Links are flattened: `link_up`, `link_backlog` and so on, summed.
 */
const count = z.number().min(0);
const meshName = z.string().refine(isMeshName, 'no name of the mesh');

/** How far another broker is behind this one. Brokers of an older version tell the first alone. */
const behindFields = {
  /** Records on disk that it may want and has not acknowledged. */
  backlogMessages: count,
  /** About what they take in the journal, and the age of the oldest: counted from this broker's start if it is older. */
  backlogBytes: count.default(0),
  backlogAgeMs: count.default(0),
  /** Versions of what this broker's clients want that it does not route by yet. */
  interestLag: count.default(0),
};

export const linkStateSchema = z.object({
  peer: z.string(),
  state: z.enum(['up', 'connecting', 'down', 'refused']),
  /** Round trip of the last ping, ms. */
  roundTripMs: z.number().nullable(),
  ...behindFields,
  /** Messages of this broker's clients, of the peer's side, and of others on their way through here. */
  sent: count,
  received: count,
  forwarded: count.default(0),
  duplicates: count,
  /** In all, and by cause. */
  dropped: count,
  droppedBy: z.record(z.string(), count).default({}),
  /** Times that something had to be sent again. */
  resends: count.default(0),
  bytesSent: count.default(0),
  bytesReceived: count.default(0),
  /** Bytes of data that the peer still takes, and those that wait for it. */
  creditBytes: z.number().default(0),
  queuedBytes: count.default(0),
  /** Retained messages that were missing or older here, found by comparing with the peer. */
  retainedHealed: count.default(0),
});
export type LinkState = z.infer<typeof linkStateSchema>;

/** What one broker keeps for another, wherever that is in the mesh. */
export const streamStateSchema = z.object({
  to: z.string(),
  isReachable: z.boolean(),
  /** The brokers on the way there, itself the last; empty when there is no way. */
  path: z.array(z.string()),
  ...behindFields,
  /** Given up while there was no way there, in all and by cause. What is lost on a link is counted by that link. */
  dropped: count.default(0),
  droppedBy: z.record(z.string(), count).default({}),
});
export type StreamState = z.infer<typeof streamStateSchema>;

/** A bridge to a broker of another kind. */
export const bridgeStateSchema = z.object({
  id: z.string(),
  url: z.string(),
  /** `refused`: the other broker answers, and does not let the bridge in. */
  state: z.enum(['connecting', 'up', 'down', 'refused']),
  /** Why it is not up, or what the other broker withholds although it is. */
  reason: z.string().optional(),
  sent: count,
  received: count,
  /** Messages that did not cross, since the start of the process. */
  dropped: z.object({
    /** They had gone in a circle, or came back from where they had been sent. */
    loop: count,
    /** QoS 0, while the bridge was down. */
    down: count,
    /** Dropped at the bound of the queue. */
    queue: count,
    /** The other broker refused them, or does not take packets of their size. */
    refused: count,
    /** No route wants them, or they came from the other broker and their topic or size is not allowed here. */
    invalid: count,
  }),
  /** Messages that wait for the other broker, those in flight included. */
  queued: count,
  queuedBytes: count,
});
export type BridgeState = z.infer<typeof bridgeStateSchema>;

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
  /** Where clients reach it. Defaults here and below: brokers of before, and health in buffers of before, do not say it. */
  urls: z.array(brokerUrlSchema).max(BROKER_URLS_MAX).default([]),
  /** Room for more clients, 0 to 1: see broker/balance. */
  weight: z.number().min(0).max(1).default(1),
  /** Whether it takes no clients any more, and sends those away that it has. */
  isDraining: z.boolean().default(false),
  links: z.array(linkStateSchema),
  /** Brokers of an older version do not tell these. */
  streams: z.array(streamStateSchema).default([]),
  bridges: z.array(bridgeStateSchema).default([]),
});
export type BrokerHealth = z.infer<typeof brokerHealthSchema>;

/**
 * A gateway's clock. All are left out by one that takes no part in the time of the mesh, as those of older versions. The store has the
 * kind as 0 (none), 1 (relative) or 2 (absolute), and the booleans as 0 and 1, so that they can be drawn.
 */
const clockFields = {
  timeKind: clockStatusSchema.shape.kind.optional(),
  timeIsMaster: z.boolean().optional(),
  timeIsAlarmed: z.boolean().optional(),
  /** Left out while nothing is known, too. */
  timeUncertaintyMs: count.optional(),
  /** Beyond this there is an alarm. */
  timeUncertaintyMsMax: count.optional(),
  timeBehindMs: z.number().optional(),
  timeFrequencyPpm: z.number().optional(),
  /** Since the start of this process: messages and probes that were refused, steps, and rounds without a majority. */
  timeRefusedTotal: count.optional(),
  timeStepsTotal: count.optional(),
  timeDisagreementsTotal: count.optional(),
};

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
  ...clockFields,
});
export type GatewayHealth = z.infer<typeof gatewayHealthSchema>;

export const healthSchema = z.discriminatedUnion('kind', [brokerHealthSchema, gatewayHealthSchema]);
export type Health = z.infer<typeof healthSchema>;

export const HEALTH_INTERVAL_MS = 5_000;
