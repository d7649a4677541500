import type { Clock } from '../core/time/index.ts';
import {
  type BridgeState,
  type BrokerHealth,
  HEALTH_INTERVAL_MS,
  type LinkState,
  type StreamState,
} from '../core/wire/index.ts';
import { weightOf } from './balance/index.ts';
import type { BrokerLimits } from './config.ts';
import type { Counters } from './counters.ts';
import type { MqttServer, Switchboard } from './mqtt/index.ts';
import type { BrokerStore } from './store/index.ts';

export interface HealthSources {
  brokerId: string;
  startedMs: number;
  clock: Clock;
  counters: Counters;
  server: MqttServer;
  store: BrokerStore;
  switchboard: Switchboard;
  links: () => LinkState[];
  streams: () => StreamState[];
  bridges: () => BridgeState[];
  rssBytes: () => number;
  /** Share of the time since it was last asked in which the event loop had work, 0 to 1. */
  loopBusy: () => number;
  isDraining: () => boolean;
  /** Where clients reach the broker. */
  urls: () => string[];
  limits: Pick<BrokerLimits, 'connectionsMax' | 'sessionQueueMessagesMax'>;
}

/** Commit latency is kept per health interval, over the last minute. */
export const HEALTH_WINDOWS = Math.ceil(60_000 / HEALTH_INTERVAL_MS);

const MS_PER_S = 1_000;

/** What the broker says of itself, now. */
export function measureHealth(sources: HealthSources): BrokerHealth {
  const { clock, counters, server, store, switchboard, limits } = sources;
  let queued = 0;
  for (const { queue } of store.state.sessions.values()) queued += queue.size;
  const isDraining = sources.isDraining();
  const commitP99Ms = counters.commitP99Ms();
  const weight = weightOf({
    connections: server.connections,
    connectionsMax: limits.connectionsMax,
    queued,
    queuedMax: store.state.sessions.size * limits.sessionQueueMessagesMax,
    loopBusy: sources.loopBusy(),
    commitP99Ms,
  });
  return {
    kind: 'broker',
    node: sources.brokerId,
    atMs: Math.floor(clock.wallMs()),
    uptimeS: Math.floor((clock.monotonicMs() - sources.startedMs) / MS_PER_S),
    rssBytes: sources.rssBytes(),
    connections: server.connections,
    sessions: store.state.sessions.size,
    subscriptions: server.subscriptions,
    retained: store.state.retained.size,
    publishedTotal: counters.published,
    deliveredTotal: counters.delivered,
    refusedTotal: counters.refused,
    droppedTotal: counters.dropped + switchboard.dropped + store.state.retained.refused,
    queued,
    journalBytes: store.log.bytes,
    commitP99Ms,
    urls: sources.urls(),
    weight: isDraining ? 0 : weight,
    isDraining,
    links: sources.links(),
    streams: sources.streams(),
    bridges: sources.bridges(),
  };
}
