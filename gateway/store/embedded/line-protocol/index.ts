export { type LineSink, type ParsedLine, parseLines } from './parse.ts';
export { compareBytes, formatSeriesKey, parseSeriesKey, type SeriesKey } from './series-key.ts';
