import { LatticeError } from '../../../../../core/errors/index.ts';
import type { CallExpr, Expr, RefExpr, SelectStatement } from '../ast.ts';
import { isTransform } from '../functions/index.ts';
import type { Column } from './columns.ts';

export const SELECTORS: ReadonlySet<string> = new Set(['first', 'last', 'min', 'max', 'percentile', 'top', 'bottom']);
const AGGREGATES: ReadonlySet<string> = new Set([
  ...['count', 'distinct', 'integral', 'mean', 'median', 'mode', 'spread', 'stddev', 'sum'],
  ...SELECTORS,
]);
/** influxd has these, and this store does not yet. */
const UNSUPPORTED: ReadonlySet<string> = new Set([
  ...[
    'sample',
    'holt_winters',
    'holt_winters_with_fit',
    'cumulative_histogram',
    'abs',
    'acos',
    'asin',
    'atan',
    'atan2',
  ],
  ...['ceil', 'cos', 'exp', 'floor', 'ln', 'log', 'log2', 'log10', 'pow', 'round', 'sin', 'sqrt', 'tan'],
  ...['chande_momentum_oscillator', 'exponential_moving_average', 'double_exponential_moving_average'],
  ...['kaufmans_efficiency_ratio', 'kaufmans_adaptive_moving_average', 'triple_exponential_moving_average'],
  ...['triple_exponential_derivative', 'relative_strength_index'],
]);

const NS_PER_S = 1_000_000_000n;

/** A function over the points of a field: an aggregate, a selector, or just the points for a transform. */
export interface Leaf {
  /** Equal calls are computed once. */
  key: string;
  name: string;
  ref: RefExpr;
  number: number;
  unitNs: bigint;
  tags: readonly string[];
}

export function callsOf(expr: Expr): CallExpr[] {
  if (expr.type === 'call') return [expr];
  return expr.type === 'binary' ? [...callsOf(expr.left), ...callsOf(expr.right)] : [];
}

/** Checks what the columns mix. Throws QUERY_SYNTAX in influxd's words, QUERY_UNSUPPORTED. Says whether there are calls. */
export function checkColumns(columns: readonly Column[], statement: SelectStatement): boolean {
  const calls = columns.flatMap((column) => callsOf(column.expr));
  for (const call of calls) checkCall(call);
  for (const { expr } of columns) if (!hasVariable(expr)) throw fault('field must contain at least one variable');
  const interval = statement.groupBy.some((dimension) => dimension.type === 'time');
  if (calls.length === 0) {
    if (interval) throw fault('GROUP BY requires at least one aggregate function');
    if (typeof statement.fill === 'number' || statement.fill === 'previous' || statement.fill === 'linear') {
      throw fault('fill() must be used with a function');
    }
    return false;
  }
  const hasPlain = columns.some((column) => refsOutsideCalls(column.expr).length > 0);
  if (hasPlain && !(calls.length === 1 && SELECTORS.has((calls[0] as CallExpr).name))) {
    throw fault('mixing aggregate and non-aggregate queries is not supported');
  }
  const alone = calls.find((call) => call.name === 'top' || call.name === 'bottom');
  if (alone !== undefined && calls.length > 1) {
    throw fault(`selector function ${alone.name}() cannot be combined with other functions`);
  }
  const several = calls.find((call) => call.name === 'distinct');
  if (several !== undefined && calls.length > 1) {
    throw fault('aggregate function distinct() cannot be combined with other functions or fields');
  }
  checkTransforms(calls, interval);
  return true;
}

function checkTransforms(calls: readonly CallExpr[], hasInterval: boolean): void {
  for (const call of calls) {
    if (!isTransform(call.name)) continue;
    const isNested = call.args[0]?.type === 'call';
    if (hasInterval && !isNested) throw fault(`aggregate function required inside the call to ${call.name}`);
    if (!hasInterval && isNested) throw fault(`${call.name} aggregate requires a GROUP BY interval`);
  }
}

function checkCall(call: CallExpr): void {
  const { name, args } = call;
  if (UNSUPPORTED.has(name)) {
    throw new LatticeError('QUERY_UNSUPPORTED', `${name}() is not supported by the embedded store`);
  }
  const isKnown = AGGREGATES.has(name) || isTransform(name);
  if (!isKnown) throw fault(`undefined function ${name}()`);
  const [least, most] = arityOf(name);
  if (args.length < least || args.length > most) {
    const expected = least === most ? String(least) : `at least ${least} but no more than ${most}`;
    throw fault(`invalid number of arguments for ${name}, expected ${expected}, got ${args.length}`);
  }
  const [first] = args;
  if (first?.type === 'ref') return;
  const takesCall = isTransform(name) || name === 'count';
  if (first?.type !== 'call' || !takesCall) throw fault(`expected field argument in ${name}()`);
  if (name === 'count' && first.name !== 'distinct') throw fault('expected field argument in count()');
  checkCall(first);
}

function arityOf(name: string): [number, number] {
  switch (name) {
    case 'percentile':
    case 'moving_average':
      return [2, 2];
    case 'top':
    case 'bottom':
      return [2, Number.POSITIVE_INFINITY];
    case 'derivative':
    case 'non_negative_derivative':
    case 'elapsed':
    case 'integral':
      return [1, 2];
    default:
      return [1, 1];
  }
}

/** The leaf of a call over a field; for a transform of a field that is `points`. */
export function leafOf(call: CallExpr): Leaf {
  const ref = call.args[0] as RefExpr;
  const name = isTransform(call.name) ? 'points' : call.name;
  const leaf = { name, ref, number: 0, unitNs: NS_PER_S, tags: [] as string[] };
  if (name === 'percentile' || name === 'top' || name === 'bottom')
    leaf.number = numberOf(call, call.args.at(-1) as Expr);
  if (name === 'top' || name === 'bottom') leaf.tags = call.args.slice(1, -1).map((arg) => tagOf(call, arg));
  if (name === 'integral') leaf.unitNs = unitOf(call) ?? NS_PER_S;
  return { ...leaf, key: JSON.stringify([name, ref, leaf.number, String(leaf.unitNs), leaf.tags]) };
}

/** The duration among the arguments of derivative, elapsed and integral. */
export function unitOf(call: CallExpr): bigint | undefined {
  const unit = call.args[1];
  if (unit === undefined) return undefined;
  if (unit.type !== 'duration' || unit.ns <= 0n) {
    throw fault(`second argument to ${call.name} must be a duration, got ${unit.type}`);
  }
  return unit.ns;
}

/** The number of points of moving_average. */
export function countOf(call: CallExpr): number {
  const count = numberOf(call, call.args[1] as Expr);
  if (count < 2) throw fault('moving_average window must be greater than 1, got 1');
  return count;
}

function numberOf(call: CallExpr, arg: Expr): number {
  if (arg.type === 'integer' || (arg.type === 'number' && call.name === 'percentile')) return Number(arg.value);
  throw fault(`expected integer as last argument in ${call.name}(), found ${arg.type}`);
}

function tagOf(call: CallExpr, arg: Expr): string {
  if (arg.type === 'ref') return arg.name;
  throw fault(`only fields or tags are allowed in ${call.name}(), found ${arg.type}`);
}

export function refsOutsideCalls(expr: Expr): RefExpr[] {
  if (expr.type === 'ref') return [expr];
  return expr.type === 'binary' ? [...refsOutsideCalls(expr.left), ...refsOutsideCalls(expr.right)] : [];
}

function hasVariable(expr: Expr): boolean {
  return callsOf(expr).length > 0 || refsOutsideCalls(expr).length > 0;
}

function fault(message: string): LatticeError {
  return new LatticeError('QUERY_SYNTAX', message);
}
