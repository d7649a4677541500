export { type ConsoleConfig, consoleConfigSchema, runConsole, startConsole } from './console/index.ts';
