import { LatticeError } from '../../../../core/errors/index.ts';
import type { BinaryExpr, CompareOp, Expr } from './ast.ts';
import { zoneOffsetNs } from './time-zone.ts';

/** influxd's own ends of time. */
export const TIME_MIN_NS = -(2n ** 63n) + 2n;
export const TIME_MAX_NS = 2n ** 63n - 2n;

export interface TimeSplit {
  /** Both ends belong to the range; undefined where the statement sets none. */
  fromNs: bigint | undefined;
  toNs: bigint | undefined;
  /** The condition without its parts about time. */
  rest: Expr | undefined;
}

const FLIPPED: Readonly<Record<string, CompareOp>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** Takes the range of time out of a WHERE. Like influxd 1.6, it narrows the range even where time stands below an OR. */
export function splitTime(where: Expr | undefined, nowNs: bigint, timeZone?: string): TimeSplit {
  const split: TimeSplit = { fromNs: undefined, toNs: undefined, rest: undefined };
  if (where !== undefined) split.rest = strip(where, split, nowNs, timeZone);
  return split;
}

function strip(expr: Expr, split: TimeSplit, nowNs: bigint, timeZone: string | undefined): Expr | undefined {
  if (expr.type !== 'binary') return expr;
  if (expr.op === 'AND' || expr.op === 'OR') {
    const left = strip(expr.left, split, nowNs, timeZone);
    const right = strip(expr.right, split, nowNs, timeZone);
    if (left === undefined) return right;
    return right === undefined ? left : { type: 'binary', op: expr.op, left, right };
  }
  if (isTime(expr.left)) {
    narrow(split, expr.op as CompareOp, timeValue(expr.right, nowNs, timeZone));
    return undefined;
  }
  if (isTime(expr.right)) {
    narrow(split, FLIPPED[expr.op] ?? (expr.op as CompareOp), timeValue(expr.left, nowNs, timeZone));
    return undefined;
  }
  return expr;
}

export function isTime(expr: Expr): boolean {
  return expr.type === 'ref' && expr.name.toLowerCase() === 'time';
}

function narrow(split: TimeSplit, op: CompareOp, timeNs: bigint): void {
  const from = (at: bigint): void => {
    if (split.fromNs === undefined || at > split.fromNs) split.fromNs = at;
  };
  const to = (at: bigint): void => {
    if (split.toNs === undefined || at < split.toNs) split.toNs = at;
  };
  if (op === '=' || op === '>=') from(timeNs);
  else if (op === '>') from(timeNs + 1n);
  if (op === '=' || op === '<=') to(timeNs);
  else if (op === '<') to(timeNs - 1n);
  if (!Object.hasOwn(FLIPPED, op)) throw new LatticeError('QUERY_SYNTAX', `invalid time comparison operator: ${op}`);
}

function timeValue(expr: Expr, nowNs: bigint, timeZone: string | undefined): bigint {
  const value = evaluate(expr, nowNs, timeZone);
  if (value < TIME_MIN_NS || value > TIME_MAX_NS)
    throw new LatticeError('QUERY_SYNTAX', `time ${value} overflows time literal`);
  return value;
}

function evaluate(expr: Expr, nowNs: bigint, timeZone: string | undefined): bigint {
  switch (expr.type) {
    case 'integer':
      return expr.value;
    case 'number':
      return BigInt(Math.trunc(expr.value));
    case 'duration':
      return expr.ns;
    case 'string':
      return parseTime(expr.value, timeZone);
    case 'call':
      if (expr.name === 'now' && expr.args.length === 0) return nowNs;
      break;
    case 'binary':
      return evaluateBinary(expr, nowNs, timeZone);
    default:
      break;
  }
  throw new LatticeError('QUERY_SYNTAX', 'invalid operation: time and this value are not compatible');
}

function evaluateBinary(expr: BinaryExpr, nowNs: bigint, timeZone: string | undefined): bigint {
  const left = evaluate(expr.left, nowNs, timeZone);
  const right = evaluate(expr.right, nowNs, timeZone);
  switch (expr.op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0n ? 0n : left / right;
    default:
      throw new LatticeError('QUERY_SYNTAX', `invalid operation with time: ${expr.op}`);
  }
}

const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/;
const NS_PER_MS = 1_000_000n;

/** RFC 3339, or `2026-01-31 12:00:00.5`, or a day; without a zone it is the statement's, else UTC. */
function parseTime(text: string, timeZone: string | undefined): bigint {
  const match = TIME.exec(text);
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2] ?? '00:00:00'}${match[4] ?? 'Z'}`);
  if (match === null || Number.isNaN(ms))
    throw new LatticeError('QUERY_SYNTAX', `invalid operation: time and *influxql.StringLiteral are not compatible`);
  const ns = BigInt(ms) * NS_PER_MS + BigInt((match[3] ?? '').padEnd(9, '0'));
  if (match[4] !== undefined || timeZone === undefined) return ns;
  // The offset is asked for at the local time first and then at the time that it leads to, which is right but for the
  // hour of a change.
  return ns - zoneOffsetNs(timeZone, ns - zoneOffsetNs(timeZone, ns));
}
