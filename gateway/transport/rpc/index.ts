export type { CallOptions } from './client.ts';
export type { RpcCounters } from './counters.ts';
export { RPC_LIMITS, type RpcLimits } from './limits.ts';
export { defineMethod, type Method } from './method.ts';
export { Rpc, type RpcOptions } from './rpc.ts';
export type { CallContext, Handler } from './server.ts';
