import { type ResultSeries, type ResultValue, type StatementResult, zoneOffsetNs } from '../influxql/index.ts';

export interface JsonOptions {
  /** Stamps as whole numbers of this many ns; RFC 3339 when left out. */
  epochUnitNs: bigint | undefined;
  isPretty: boolean;
}

const PRETTY_INDENT = 4;

/** The answer of /query. Whole numbers beyond 2^53 keep all their digits. */
export function encodeResults(results: readonly StatementResult[], options: JsonOptions): string {
  const body = {
    results: results.map((result, statementId) => ({
      statement_id: statementId,
      ...(result.series !== undefined && result.series.length > 0
        ? { series: result.series.map((series) => encodeSeries(series, options.epochUnitNs, result.timeZone)) }
        : {}),
      ...(result.messages === undefined ? {} : { messages: result.messages }),
      ...(result.error === undefined ? {} : { error: result.error }),
    })),
  };
  return `${JSON.stringify(body, null, options.isPretty ? PRETTY_INDENT : 0)}\n`;
}

/** Keys in influxd's order, which Grafana's streaming parser relies on: name, tags, columns, values. */
function encodeSeries(
  series: ResultSeries,
  epochUnitNs: bigint | undefined,
  timeZone: string | undefined,
): Record<string, unknown> {
  return {
    ...(series.name === undefined ? {} : { name: series.name }),
    ...(series.tags === undefined ? {} : { tags: series.tags }),
    columns: series.columns,
    ...(series.values.length === 0
      ? {}
      : { values: series.values.map((row) => encodeRow(row, series.isTimed, epochUnitNs, timeZone)) }),
  };
}

function encodeRow(
  row: readonly ResultValue[],
  isTimed: boolean,
  epochUnitNs: bigint | undefined,
  timeZone: string | undefined,
): unknown[] {
  return row.map((value, column) => {
    if (typeof value !== 'bigint') return value;
    if (!isTimed || column > 0) return exactNumber(value);
    return epochUnitNs === undefined ? rfc3339(value, timeZone) : exactNumber(value / epochUnitNs);
  });
}

/** JSON.rawJSON: https://tc39.es/proposal-json-parse-with-source/ */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

function exactNumber(value: bigint): unknown {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : rawJSON(value.toString());
}

const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;

const NS_PER_MINUTE = 60_000_000_000n;
const MINUTES_PER_HOUR = 60;

/** Go's RFC3339Nano: as many decimals as there are digits, none for a whole second; in a zone's local time if one is given. */
export function rfc3339(timeNs: bigint, timeZone?: string): string {
  const offsetNs = timeZone === undefined ? 0n : zoneOffsetNs(timeZone, timeNs);
  const fraction = ((timeNs % NS_PER_S) + NS_PER_S) % NS_PER_S;
  const seconds = new Date(Number((timeNs + offsetNs - fraction) / NS_PER_MS)).toISOString().slice(0, 19);
  const decimals = fraction === 0n ? '' : `.${fraction.toString().padStart(9, '0').replace(/0+$/, '')}`;
  return `${seconds}${decimals}${offsetText(offsetNs)}`;
}

function offsetText(offsetNs: bigint): string {
  if (offsetNs === 0n) return 'Z';
  const minutes = Math.abs(Number(offsetNs / NS_PER_MINUTE));
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${offsetNs < 0n ? '-' : '+'}${two(Math.floor(minutes / MINUTES_PER_HOUR))}:${two(minutes % MINUTES_PER_HOUR)}`;
}
