import { LatticeError } from '../../../../../core/errors/index.ts';
import type { ScanRow, Series } from '../../engine/index.ts';
import { arithmetic, literalOf } from '../arithmetic.ts';
import type { ArithmeticOp, Expr } from '../ast.ts';
import type { FieldSet } from '../field-set.ts';
import type { ResultValue } from '../result.ts';

/** A column's value of one row of one series. */
export type RowExpr = (row: ScanRow, series: Series) => ResultValue;

/** Compiles an expression over fields and tags, and notes the fields that it reads. */
export function compileRowExpr(expr: Expr, fields: FieldSet): RowExpr {
  const literal = literalOf(expr);
  if (literal !== undefined) return () => literal;
  if (expr.type === 'ref') {
    const column = fields.columnOf(expr);
    if (column !== undefined) return (row) => row[column] as ResultValue;
    if (expr.cast !== undefined && expr.cast !== 'tag') return () => null;
    return (_row, series) => series.tags.get(expr.name) ?? null;
  }
  if (expr.type === 'binary') {
    const op = expr.op as ArithmeticOp;
    if (!/^[-+*/%&|^]$/.test(op)) throw new LatticeError('QUERY_SYNTAX', `invalid operator ${op} in SELECT field`);
    const left = compileRowExpr(expr.left, fields);
    const right = compileRowExpr(expr.right, fields);
    return (row, series) => arithmetic(op, left(row, series), right(row, series));
  }
  throw new LatticeError('QUERY_SYNTAX', `invalid expression in SELECT field: ${expr.type}`);
}
