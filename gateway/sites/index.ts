export type { PendingChange } from './fleet-status.ts';
export { openSites } from './open.ts';
export type { DeviceChange, RolledOut } from './roll-out.ts';
export { type FleetStatus, type OtherSite, Sites, type SitesOptions } from './sites.ts';
