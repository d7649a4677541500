export { asFencedStore, createStore } from './create.ts';
export { type StoreProcessConfig, type StoreService, startStore, storeConfigSchema } from './embedded/index.ts';
export { runStore } from './main.ts';
export { type StoreConfig, type StoreDeps, storeTargetSchema } from './target.ts';
export type { FencedStore, QuerySeries, RejectedPoint, StoreUsage, TimeSeriesStore, WriteResult } from './types.ts';
