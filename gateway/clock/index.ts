export { type ClockConfig, clockConfigSchema } from './config.ts';
export type { TimeTopics } from './messages/index.ts';
export { ClockService, type ClockServiceOptions, type MeshReading } from './service.ts';
