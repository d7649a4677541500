export { type ConsoleConfig, consoleConfigSchema } from './config.ts';
export { startConsole } from './console.ts';
export { runConsole } from './main.ts';
