export { createApi } from './server.ts';
export type { TimeService } from './time.ts';
export { fillHlcMetrics } from './time-metrics.ts';
