export { BACKOFF, type BackoffBounds, backoffMs } from './backoff.ts';
export { connectError, isTurnedAway } from './connect-error.ts';
export { ConnectGate } from './connect-gate.ts';
export { DeviceLink, type DeviceLinkEvents, type DeviceLinkOptions, type Link } from './device-link.ts';
export { type ConnectionEnd, Roaming, type RoamingOptions } from './roaming.ts';
