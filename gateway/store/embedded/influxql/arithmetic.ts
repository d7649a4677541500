import { LatticeError } from '../../../../core/errors/index.ts';
import type { ArithmeticOp, Expr } from './ast.ts';
import type { ResultValue } from './result.ts';

const INT64_MASK = 64;

/** One step of arithmetic as influxd does it: null stays null, x/0 is 0, and whole numbers stay exact but for division. */
export function arithmetic(op: ArithmeticOp, left: ResultValue, right: ResultValue): ResultValue {
  if (!isNumeric(left) || !isNumeric(right)) return null;
  if ((typeof left === 'bigint' || typeof right === 'bigint') && op !== '/' && isWhole(left) && isWhole(right)) {
    return narrow(exact(op, BigInt(left), BigInt(right)));
  }
  const a = Number(left);
  const b = Number(right);
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return Number.isSafeInteger(a * b) || !isWhole(left) || !isWhole(right) ? a * b : narrow(BigInt(a) * BigInt(b));
    case '/':
      return b === 0 ? 0 : a / b;
    case '%':
      return b === 0 ? 0 : a % b;
    default:
      return narrow(exact(op, BigInt(Math.trunc(a)), BigInt(Math.trunc(b))));
  }
}

function exact(op: ArithmeticOp, a: bigint, b: bigint): bigint {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '%':
      return b === 0n ? 0n : a % b;
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    default:
      throw new LatticeError('INTERNAL', `${op} is not exact`);
  }
}

/** Wraps around as Go's int64 does, and goes back to a number where that is exact. */
export function narrow(value: bigint): number | bigint {
  const wrapped = BigInt.asIntN(INT64_MASK, value);
  const number = Number(wrapped);
  return Number.isSafeInteger(number) ? number : wrapped;
}

/** Adds whole numbers without losing digits. */
export function addExact(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return narrow(BigInt(a) + BigInt(b));
}

export function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isWhole(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isInteger(value);
}

/** The value of a literal; undefined when the expression is none. */
export function literalOf(expr: Expr): ResultValue | undefined {
  switch (expr.type) {
    case 'integer':
      return narrow(expr.value);
    case 'number':
    case 'string':
    case 'boolean':
      return expr.value;
    default:
      return undefined;
  }
}
