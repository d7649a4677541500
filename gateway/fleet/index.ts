export { type Desired, type DesiredChange, desiredIn, type Settings } from './desired.ts';
export { EpochKeeper, type EpochKeeperOptions } from './epoch-keeper.ts';
export { type DesiredEvent, Fleet, type FleetOptions } from './fleet.ts';
export { desiredKey, FLEET_PREFIX } from './keys.ts';
export { type OverSitesOptions, setDesiredOverSites } from './over-sites.ts';
export { currentEpoch, type ShardEpoch } from './shard-epoch.ts';
