export type { BridgeState } from '../core/wire/index.ts';
export { type Broker, type BrokerAddresses, type BrokerDeps, createBroker } from './broker.ts';
export { type BrokerConfig, type BrokerLimits, brokerConfigSchema } from './config.ts';
export { runBroker } from './main.ts';
