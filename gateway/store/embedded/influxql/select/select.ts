import { LatticeError } from '../../../../../core/errors/index.ts';
import type { Measurement } from '../../engine/index.ts';
import type { Expr, SelectStatement } from '../ast.ts';
import { refsOf } from '../condition.ts';
import { type QueryContext, Reader } from '../context.ts';
import { FieldSet } from '../field-set.ts';
import type { ResultSeries, StatementResult } from '../result.ts';
import { measurementsOf } from '../sources.ts';
import { splitTime, TIME_MAX_NS, TIME_MIN_NS, type TimeSplit } from '../time-range.ts';
import { aggregateRows } from './aggregate.ts';
import { checkColumns } from './calls.ts';
import { type Column, columnsOf, groupTagsOf } from './columns.ts';
import type { GroupQuery } from './group-query.ts';
import { groupsOf } from './groups.ts';
import { rawRows } from './raw.ts';

/** Runs a SELECT. Throws QUERY_SYNTAX, QUERY_UNSUPPORTED, QUERY_LIMIT, STORE_NOT_FOUND. */
export async function select(statement: SelectStatement, context: QueryContext): Promise<StatementResult> {
  const measurements = measurementsOf(context, statement.sources);
  const split = splitTime(statement.where, context.nowNs, statement.timeZone);
  const groupTags = groupTagsOf(statement, measurements);
  const columns = columnsOf(statement, measurements, groupTags);
  if (statement.fields.every((field) => field.expr.type === 'ref' && field.expr.name === 'time')) {
    throw new LatticeError('QUERY_SYNTAX', 'at least 1 non-time field must be queried');
  }
  const hasCalls = checkColumns(columns, statement);
  const task = new SelectTask(statement, context, split, columns, groupTags, hasCalls);
  for (const measurement of measurements) await task.run(measurement);
  return {
    series: task.series,
    ...(statement.timeZone === undefined ? {} : { timeZone: statement.timeZone }),
  };
}

class SelectTask {
  readonly series: ResultSeries[] = [];
  readonly #statement: SelectStatement;
  readonly #context: QueryContext;
  readonly #split: TimeSplit;
  readonly #columns: readonly Column[];
  readonly #groupTags: readonly string[];
  readonly #hasCalls: boolean;
  readonly #reader: Reader;
  #rows = 0;

  constructor(
    statement: SelectStatement,
    context: QueryContext,
    split: TimeSplit,
    columns: readonly Column[],
    groupTags: readonly string[],
    hasCalls: boolean,
  ) {
    this.#statement = statement;
    this.#context = context;
    this.#split = split;
    this.#columns = columns;
    this.#groupTags = groupTags;
    this.#hasCalls = hasCalls;
    this.#reader = new Reader(context);
  }

  async run(measurement: Measurement): Promise<void> {
    const statement = this.#statement;
    const selected = new FieldSet(measurement);
    for (const { expr } of this.#columns) noteFields(expr, selected);
    if (selected.fields.length === 0) return;
    const fields = new FieldSet(measurement);
    for (const { expr } of this.#columns) noteFields(expr, fields);
    if (this.#split.rest !== undefined) noteFields(this.#split.rest, fields);
    const { limit, offset } = statement.series;
    const groups = groupsOf(measurement, this.#split.rest, this.#groupTags, fields);
    const hasInterval = statement.groupBy.some((dimension) => dimension.type === 'time');
    for (const group of groups.slice(offset, limit === 0 ? undefined : offset + limit)) {
      const query: GroupQuery = {
        statement,
        measurement,
        group,
        columns: this.#columns,
        fields,
        selected,
        fromNs: this.#split.fromNs ?? TIME_MIN_NS,
        // Windows without an end go on until now, as influxd has it.
        toNs: this.#split.toNs ?? (hasInterval ? this.#context.nowNs : TIME_MAX_NS),
        hasStart: this.#split.fromNs !== undefined,
        limits: this.#context.limits,
        countRow: () => this.#countRow(),
      };
      const rows = await (this.#hasCalls ? aggregateRows : rawRows)(query, this.#reader);
      const { rows: page } = statement;
      const values = rows.slice(page.offset, page.limit === 0 ? undefined : page.offset + page.limit);
      if (values.length === 0) continue;
      this.series.push({
        name: measurement.name,
        ...(this.#groupTags.length === 0 ? {} : { tags: group.tags }),
        columns: ['time', ...this.#columns.map((column) => column.name)],
        values,
        isTimed: true,
      });
    }
  }

  #countRow(): void {
    const { queryRowsMax } = this.#context.limits;
    if (++this.#rows > queryRowsMax) {
      throw new LatticeError('QUERY_LIMIT', `the answer has more than limits.queryRowsMax = ${queryRowsMax} rows`);
    }
  }
}

function noteFields(expr: Expr, fields: FieldSet): void {
  for (const ref of refsOf(expr)) fields.columnOf(ref);
}
