import type { Clock } from '../core/time/index.ts';
import { type BrokerHealth, HEALTH_INTERVAL_MS, type LinkState } from '../core/wire/index.ts';
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
  rssBytes: () => number;
}

/** Commit latency is kept per health interval, over the last minute. */
export const HEALTH_WINDOWS = Math.ceil(60_000 / HEALTH_INTERVAL_MS);

const MS_PER_S = 1_000;

/** What the broker says of itself, now. */
export function measureHealth(sources: HealthSources): BrokerHealth {
  const { clock, counters, server, store, switchboard } = sources;
  let queued = 0;
  for (const { queue } of store.state.sessions.values()) queued += queue.size;
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
    commitP99Ms: counters.commitP99Ms(),
    links: sources.links(),
  };
}
