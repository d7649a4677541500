export { type GatewayConfig, gatewayConfigSchema } from './config.ts';
export { runGateway } from './main.ts';
export { runStore } from './store/index.ts';
