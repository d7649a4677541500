export { type Advertisement, type AdvertisementChange, advertisementSchema, NEIGHBOURS_MAX } from './advertisement.ts';
export { LinkStateDatabase, NODES_MAX, type Reception } from './link-state.ts';
export type { Routes } from './routes.ts';
