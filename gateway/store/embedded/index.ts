export { type StoreProcessConfig, storeConfigSchema } from './config.ts';
export { type StoreService, startStore } from './service.ts';
