import { LatticeError } from '../../../../core/errors/index.ts';
import type { Measurement, ScanRow, Series } from '../engine/index.ts';
import { arithmetic, isNumeric, literalOf } from './arithmetic.ts';
import type { ArithmeticOp, BinaryOp, Expr, RefExpr } from './ast.ts';
import type { FieldSet } from './field-set.ts';
import type { ResultValue } from './result.ts';

/** What is left of a condition for one series: its tags decide it, or the fields of each row do. */
export type BoundCondition = boolean | ((row: ScanRow) => boolean);
type Operand = { constant: ResultValue | RegExp } | { read: (row: ScanRow) => ResultValue };

/** Binds a condition to a series: tags become constants, and what they decide is decided once. */
export function bindCondition(
  expr: Expr | undefined,
  measurement: Measurement,
  series: Series,
  fields: FieldSet,
): BoundCondition {
  if (expr === undefined) return true;
  if (expr.type === 'boolean') return expr.value;
  if (expr.type !== 'binary') return isTrue(bindOperand(expr, measurement, series, fields));
  if (expr.op === 'AND' || expr.op === 'OR') {
    const decides = expr.op === 'OR';
    const left = bindCondition(expr.left, measurement, series, fields);
    if (left === decides) return decides;
    const right = bindCondition(expr.right, measurement, series, fields);
    if (typeof left === 'boolean') return right;
    if (right === decides) return decides;
    if (typeof right === 'boolean') return left;
    return decides ? (row) => left(row) || right(row) : (row) => left(row) && right(row);
  }
  const { op } = expr;
  const left = bindOperand(expr.left, measurement, series, fields);
  const right = bindOperand(expr.right, measurement, series, fields);
  if ('constant' in left) {
    if ('constant' in right) return compare(op, left.constant, right.constant);
    return (row) => compare(op, left.constant, right.read(row));
  }
  if ('constant' in right) return (row) => compare(op, left.read(row), right.constant);
  return (row) => compare(op, left.read(row), right.read(row));
}

/** The names that a condition speaks of, time aside. */
export function refsOf(expr: Expr | undefined): RefExpr[] {
  if (expr === undefined) return [];
  if (expr.type === 'ref') return [expr];
  if (expr.type === 'binary') return [...refsOf(expr.left), ...refsOf(expr.right)];
  return expr.type === 'call' ? expr.args.flatMap(refsOf) : [];
}

function bindOperand(expr: Expr, measurement: Measurement, series: Series, fields: FieldSet): Operand {
  if (expr.type === 'regex') return { constant: expr.regex };
  const literal = literalOf(expr);
  if (literal !== undefined) return { constant: literal };
  if (expr.type === 'ref') {
    const column = fields.columnOf(expr);
    // A name that is no field is a tag, and a tag that a series lacks is empty.
    if (column === undefined) return { constant: series.tags.get(expr.name) ?? '' };
    return { read: (row) => row[column] as ResultValue };
  }
  if (expr.type === 'binary') {
    const op = expr.op as ArithmeticOp;
    const left = bindOperand(expr.left, measurement, series, fields);
    const right = bindOperand(expr.right, measurement, series, fields);
    return { read: (row) => arithmetic(op, rowValue(left, row), rowValue(right, row)) };
  }
  throw new LatticeError(
    'QUERY_SYNTAX',
    `invalid condition: ${expr.type === 'call' ? `${expr.name}()` : expr.type} cannot be compared`,
  );
}

function rowValue(operand: Operand, row: ScanRow): ResultValue {
  const value = 'constant' in operand ? operand.constant : operand.read(row);
  return value instanceof RegExp ? null : value;
}

function isTrue(operand: Operand): BoundCondition {
  if ('constant' in operand) return operand.constant === true;
  return (row) => operand.read(row) === true;
}

/** Values of different kinds are never equal, and never different either: influxd finds no row for them. */
function compare(op: BinaryOp, left: ResultValue | RegExp, right: ResultValue | RegExp): boolean {
  if (left === null || right === null) return false;
  if (right instanceof RegExp) return typeof left === 'string' && right.test(left) === (op === '=~');
  if (left instanceof RegExp) return false;
  if (isNumeric(left) !== isNumeric(right) || (!isNumeric(left) && typeof left !== typeof right)) return false;
  switch (op) {
    case '=':
      return !(left < right) && !(left > right);
    case '!=':
      return left < right || left > right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    default:
      return false;
  }
}
