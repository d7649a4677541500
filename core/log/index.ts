export type { DurableLog, LogCursor, LogGap, LogOptions, LogRecord } from './types.ts';
