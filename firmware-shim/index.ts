export { type ShimConfig, shimConfigSchema } from './config.ts';
export { type RunShimOptions, runShim } from './main.ts';
export { type Shim, startShim } from './shim.ts';
