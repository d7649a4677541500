export { BACKOFF, backoffMs } from './backoff.ts';
export { brokerUrlSchema } from './broker-url.ts';
export { ConnectGate } from './connect-gate.ts';
export { DeviceLink, type DeviceLinkEvents, type DeviceLinkOptions, type Link } from './device-link.ts';
