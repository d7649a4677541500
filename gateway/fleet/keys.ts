/** What the fleet's devices are to do lies under it. */
export const FLEET_PREFIX = 'lattice/fleet/';
/** The epoch of the shard map. */
export const SHARDS_KEY = `${FLEET_PREFIX}shards`;

/** Names of sites and devices have no slashes. */
export const desiredPrefix = (site: string): string => `${FLEET_PREFIX}desired/${site}/`;
export const desiredKey = (site: string, device: string): string => `${desiredPrefix(site)}${device}`;
