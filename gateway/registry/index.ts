export { type DeviceEntry, DeviceRegistry } from './device-registry.ts';
export { Discovery } from './discovery.ts';
