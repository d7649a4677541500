export { Bridges, type BridgesOptions } from './bridges.ts';
export { type BridgeConfig, bridgesSchema } from './config.ts';
export { BRIDGE_SESSION_PREFIX, type BridgePort } from './port.ts';
