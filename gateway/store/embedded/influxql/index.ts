export type { QueryContext, QueryLimits } from './context.ts';
export { executeStatement, isReadOnly } from './execute.ts';
export { parseQuery } from './parser.ts';
export type { ResultSeries, ResultValue, StatementResult } from './result.ts';
export { zoneOffsetNs } from './time-zone.ts';
