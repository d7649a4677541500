import { arithmetic, literalOf } from '../arithmetic.ts';
import type { ArithmeticOp, CallExpr, Dimension, Expr, Fill } from '../ast.ts';
import type { Reader } from '../context.ts';
import { isTransform, transform, windowsBefore } from '../functions/index.ts';
import type { ResultValue } from '../result.ts';
import { callsOf, countOf, type Leaf, leafOf, SELECTORS, unitOf } from './calls.ts';
import type { GroupQuery } from './group-query.ts';
import { type LeafPoint, leafPoints } from './leaf-points.ts';
import { compileRowExpr } from './row-expr.ts';
import type { WindowSpec } from './windows.ts';

const NS_PER_S = 1_000_000_000n;

/** The rows of a SELECT with functions. */
export async function aggregateRows(query: GroupQuery, reader: Reader): Promise<ResultValue[][]> {
  const { columns, statement } = query;
  const interval = statement.groupBy.find((dimension) => dimension.type === 'time');
  const spec = interval === undefined ? undefined : { ...interval, timeZone: statement.timeZone };
  const calls = columns.flatMap((column) => callsOf(column.expr));
  const leaves = new Map(calls.map(innermost).map((call) => [leafOf(call).key, leafOf(call)]));
  const isSingleSelector = calls.length === 1 && SELECTORS.has((calls[0] as CallExpr).name) && spec === undefined;
  const before = spec === undefined ? 0 : Math.max(...calls.map(extraWindows));
  const reading =
    before > 0 && query.hasStart
      ? { ...query, fromNs: query.fromNs - BigInt(before) * (spec as WindowSpec).intervalNs }
      : query;
  const points = await leafPoints(reading, [...leaves.values()] as Leaf[], spec, isSingleSelector, reader);
  const evaluator = new ColumnEvaluator(points, statement.fill, interval);
  const series = columns.map((column) =>
    callsOf(column.expr).length === 0 ? undefined : (evaluator.points(column.expr) as LeafPoint[]),
  );
  const rows = merge(query, series);
  if (before === 0 || !query.hasStart) return rows;
  const startNs = windowFloor(query, spec as WindowSpec);
  return rows.filter((row) => (row[0] as bigint) >= startNs);
}

/** Transforms of windows read windows before the range, whose own rows are not shown. */
function windowFloor(query: GroupQuery, spec: WindowSpec): bigint {
  return query.fromNs - spec.intervalNs + 1n;
}

function extraWindows(call: CallExpr): number {
  if (!isTransform(call.name)) return 0;
  return windowsBefore(call.name, call.name === 'moving_average' ? countOf(call) : 0);
}

function innermost(call: CallExpr): CallExpr {
  const [first] = call.args;
  return first?.type === 'call' ? innermost(first) : call;
}

/** Computes columns from the leaves. */
class ColumnEvaluator {
  readonly #leaves: ReadonlyMap<string, LeafPoint[]>;
  readonly #fill: Fill;
  readonly #interval: Extract<Dimension, { type: 'time' }> | undefined;

  constructor(
    leaves: ReadonlyMap<string, LeafPoint[]>,
    fill: Fill,
    interval: Extract<Dimension, { type: 'time' }> | undefined,
  ) {
    this.#leaves = leaves;
    this.#fill = fill;
    this.#interval = interval;
  }

  /** Points of an expression with calls; the value itself of a literal. */
  points(expr: Expr): LeafPoint[] | ResultValue {
    if (expr.type === 'call') return this.#call(expr);
    if (expr.type === 'binary')
      return this.#binary(expr.op as ArithmeticOp, this.points(expr.left), this.points(expr.right));
    return literalOf(expr) ?? null;
  }

  #call(call: CallExpr): LeafPoint[] {
    const [inner] = call.args;
    if (isTransform(call.name)) {
      const input = inner?.type === 'call' ? this.#call(inner) : (this.#leaves.get(leafOf(call).key) ?? []);
      const isRate = call.name.endsWith('derivative');
      const unitNs = call.name === 'moving_average' ? undefined : unitOf(call);
      return transform(call.name, input, {
        unitNs: unitNs ?? (isRate ? (this.#interval?.intervalNs ?? NS_PER_S) : 1n),
        count: call.name === 'moving_average' ? countOf(call) : 0,
      });
    }
    if (inner?.type === 'call') return countByTime(this.#call(inner));
    return this.#leaves.get(leafOf(call).key) ?? [];
  }

  #binary(
    op: ArithmeticOp,
    left: LeafPoint[] | ResultValue,
    right: LeafPoint[] | ResultValue,
  ): LeafPoint[] | ResultValue {
    if (!Array.isArray(left)) {
      if (!Array.isArray(right)) return arithmetic(op, left, right);
      return right.map((point) => ({ ...point, value: arithmetic(op, left, point.value) }));
    }
    if (!Array.isArray(right)) return left.map((point) => ({ ...point, value: arithmetic(op, point.value, right) }));
    return this.#join(op, left, right);
  }

  /** Pairs points of one stamp; a stamp that only one side has is filled as windows are. */
  #join(op: ArithmeticOp, left: readonly LeafPoint[], right: readonly LeafPoint[]): LeafPoint[] {
    const rights = new Map(right.map((point) => [point.timeNs, point.value]));
    const lefts = new Map(left.map((point) => [point.timeNs, point.value]));
    const stand = typeof this.#fill === 'number' ? this.#fill : null;
    const times = [...new Set([...left, ...right].map((point) => point.timeNs))];
    const points: LeafPoint[] = [];
    for (const timeNs of times) {
      const hasBoth = lefts.has(timeNs) && rights.has(timeNs);
      if (!hasBoth && this.#fill === 'none') continue;
      const a = lefts.has(timeNs) ? (lefts.get(timeNs) as ResultValue) : stand;
      const b = rights.has(timeNs) ? (rights.get(timeNs) as ResultValue) : stand;
      points.push({ timeNs, value: arithmetic(op, a, b) });
    }
    return points;
  }
}

/** count(distinct()): how many points a window has. */
function countByTime(points: readonly LeafPoint[]): LeafPoint[] {
  const counts = new Map<bigint, number>();
  for (const { timeNs } of points) counts.set(timeNs, (counts.get(timeNs) ?? 0) + 1);
  return [...counts].map(([timeNs, value]) => ({ timeNs, value }));
}

/** Puts the columns side by side: a row per stamp, null where a column has no point. */
function merge(query: GroupQuery, series: readonly (LeafPoint[] | undefined)[]): ResultValue[][] {
  const { columns, fields, statement } = query;
  const beside = columns.map((column, at) =>
    series[at] === undefined ? compileRowExpr(column.expr, fields) : undefined,
  );
  const heads = series.map(() => 0);
  const rows: ResultValue[][] = [];
  for (;;) {
    let timeNs: bigint | undefined;
    for (const [at, points] of series.entries()) {
      const head = points?.[heads[at] as number]?.timeNs;
      if (head === undefined) continue;
      if (timeNs === undefined || (statement.isDescending ? head > timeNs : head < timeNs)) timeNs = head;
    }
    if (timeNs === undefined) return rows;
    query.countRow();
    const row: ResultValue[] = [timeNs];
    let chosen: LeafPoint | undefined;
    for (const [at, points] of series.entries()) {
      const point = points?.[heads[at] as number];
      if (points === undefined || point?.timeNs !== timeNs) row.push(null);
      else {
        heads[at] = (heads[at] as number) + 1;
        chosen ??= point;
        row.push(point.value);
      }
    }
    const sample = chosen?.sample;
    beside.forEach((read, at) => {
      if (read !== undefined && sample !== undefined) row[at + 1] = read(sample.row, sample.series);
    });
    rows.push(row);
  }
}
