import type { Measurement, Series } from '../engine/index.ts';
import { compareBytes } from '../line-protocol/index.ts';
import type { Expr, KeyMatch, Page, Source, Statement } from './ast.ts';
import { bindCondition } from './condition.ts';
import { databaseOf, policyOf, type QueryContext } from './context.ts';
import { formatDuration } from './duration.ts';
import { FieldSet } from './field-set.ts';
import type { ResultSeries, ResultValue, StatementResult } from './result.ts';
import { matching } from './sources.ts';
import { splitTime } from './time-range.ts';

type Show = Extract<Statement, { sources: Source[]; rows: Page; type: `show${string}` }>;

export function showDatabases(context: QueryContext): StatementResult {
  return list(
    'databases',
    ['name'],
    context.engine.databases().map((database) => [database.name]),
  );
}

export function showPolicies(name: string | undefined, context: QueryContext): StatementResult {
  const columns = ['name', 'duration', 'shardGroupDuration', 'replicaN', 'default'];
  const rows = databaseOf(context, name).policies.map((policy) => [
    policy.name,
    formatDuration(policy.durationNs),
    formatDuration(shardDurationNs(policy.durationNs)),
    1,
    policy.isDefault,
  ]);
  return { series: [{ columns, values: rows, isTimed: false }] };
}

const NS_PER_DAY = 86_400_000_000_000n;

/** What influxd would divide time by; shown because clients expect the column. */
function shardDurationNs(durationNs: bigint): bigint {
  if (durationNs === 0n || durationNs > 180n * NS_PER_DAY) return 7n * NS_PER_DAY;
  return durationNs < 2n * NS_PER_DAY ? NS_PER_DAY / 24n : NS_PER_DAY;
}

/** The SHOW statements about what a database holds. */
export function showContents(statement: Show, context: QueryContext): StatementResult {
  const found = seriesByMeasurement(statement, context);
  const { rows } = statement;
  switch (statement.type) {
    case 'showMeasurements':
      return list(
        'measurements',
        ['name'],
        slice(
          found.map(({ measurement }) => [measurement.name]),
          rows,
        ),
      );
    case 'showSeries': {
      const keys = found.flatMap(({ series }) => series.map((one) => one.key)).sort(compareBytes);
      return list(
        undefined,
        ['key'],
        slice(
          keys.map((key) => [key]),
          rows,
        ),
      );
    }
    case 'showTagKeys':
      return perMeasurement(found, rows, ['tagKey'], ({ series }) => tagKeys(series).map((key) => [key]));
    case 'showTagValues':
      return perMeasurement(found, rows, ['key', 'value'], ({ series }) => tagValues(series, statement.key));
    default:
      return perMeasurement(found, rows, ['fieldKey', 'fieldType'], ({ measurement }) =>
        [...measurement.fields.values()]
          .sort((a, b) => compareBytes(a.name, b.name))
          .map((field) => [field.name, field.type]),
      );
  }
}

export interface Found {
  measurement: Measurement;
  series: Series[];
}

/**
 * The measurements and series that a FROM and a WHERE on tags leave. A condition on time is taken and does not narrow
 * anything, as with influxd, whose index has no time either. Without a FROM, the measurements of every policy count.
 */
export function seriesByMeasurement(
  statement: { database?: string; sources: Source[]; where?: Expr },
  context: QueryContext,
): Found[] {
  const rest = splitTime(statement.where, context.nowNs).rest;
  const found = new Map<string, Found>();
  for (const measurement of measurementsFor(statement, context)) {
    const fields = new FieldSet(measurement);
    const series = measurement.series().filter((one) => bindCondition(rest, measurement, one, fields) !== false);
    if (series.length === 0) continue;
    const known = found.get(measurement.name);
    if (known === undefined) found.set(measurement.name, { measurement, series });
    else known.series.push(...series.filter((one) => !known.series.some((other) => other.key === one.key)));
  }
  return [...found.values()].sort((a, b) => compareBytes(a.measurement.name, b.measurement.name));
}

function measurementsFor(statement: { database?: string; sources: Source[] }, context: QueryContext): Measurement[] {
  const base = databaseOf(context, statement.database);
  if (statement.sources.length === 0) return base.policies.flatMap((policy) => policy.measurements());
  return statement.sources.flatMap((source) => {
    const database = source.database === undefined ? base : databaseOf(context, source.database);
    const policies = source.policy === undefined ? database.policies : [policyOf(context, database, source.policy)];
    return policies.flatMap((policy) => matching(policy, source.match));
  });
}

function tagKeys(series: readonly Series[]): string[] {
  return [...new Set(series.flatMap((one) => [...one.tags.keys()]))].sort(compareBytes);
}

function tagValues(series: readonly Series[], match: KeyMatch): string[][] {
  const pairs = new Map<string, [string, string]>();
  for (const { tags } of series) {
    for (const [key, value] of tags) if (matches(match, key)) pairs.set(`${key}\0${value}`, [key, value]);
  }
  return [...pairs.values()].sort((a, b) => compareBytes(a[0], b[0]) || compareBytes(a[1], b[1]));
}

function matches(match: KeyMatch, key: string): boolean {
  const isMatch = 'regex' in match ? match.regex.test(key) : match.names.includes(key);
  return isMatch !== match.isNegated;
}

function perMeasurement(
  found: readonly Found[],
  page: Page,
  columns: string[],
  rowsOf: (found: Found) => ResultValue[][],
): StatementResult {
  const series = found.map((one): ResultSeries => {
    return { name: one.measurement.name, columns, values: slice(rowsOf(one), page), isTimed: false };
  });
  return { series: series.filter((one) => one.values.length > 0) };
}

function list(name: string | undefined, columns: string[], values: ResultValue[][]): StatementResult {
  if (values.length === 0 && name !== 'databases') return {};
  return { series: [{ ...(name === undefined ? {} : { name }), columns, values, isTimed: false }] };
}

function slice<T>(rows: T[], page: Page): T[] {
  return rows.slice(page.offset, page.limit === 0 ? undefined : page.offset + page.limit);
}
