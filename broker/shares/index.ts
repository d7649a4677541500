export { AdvertisedShares, awayFilterOf, isAwayFilter } from './advertised.ts';
export { type Except, ShareRouter, type ShareRouterOptions } from './share-router.ts';
