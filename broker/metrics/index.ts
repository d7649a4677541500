export { type MetricsConfig, MetricsServer } from './server.ts';
