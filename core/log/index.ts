export type { LogFile, LogFs } from './fs.ts';
export type { GroupCounters } from './group-commit.ts';
export { type LogDeps, openLog, type SegmentedLog } from './log.ts';
export { nodeLogFs } from './node-fs.ts';
export type { DurableLog, LogCursor, LogGap, LogOptions, LogRecord } from './types.ts';
