export { RecentLatency } from './latency.ts';
export { Replicator } from './replicator.ts';
