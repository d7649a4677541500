export { loadConfig, parseConfig } from './load.ts';
