import type { BinaryOp, Cast, Expr } from './ast.ts';
import type { Cursor } from './cursor.ts';

/** Binding strength of the operators, weakest first; all are left-associative. */
const PRECEDENCE: Readonly<Record<string, number>> = {
  OR: 1,
  AND: 2,
  '=': 3,
  '!=': 3,
  '<>': 3,
  '=~': 3,
  '!~': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '+': 4,
  '-': 4,
  '|': 4,
  '^': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  '&': 5,
};

const CASTS: readonly string[] = ['field', 'tag', 'float', 'integer', 'string', 'boolean'] satisfies Cast[];
const DEPTH_MAX = 200;

/** Parses an expression by precedence climbing. Throws QUERY_SYNTAX. */
export function parseExpr(cursor: Cursor, precedenceMin = 1, depth = 0): Expr {
  if (depth > DEPTH_MAX) cursor.failWith('expression is nested too deeply');
  let left = parseUnary(cursor, depth);
  for (;;) {
    const token = cursor.peek();
    const symbol = token.type === 'word' ? token.word : token.type === 'symbol' ? token.text : '';
    const precedence = Object.hasOwn(PRECEDENCE, symbol) ? (PRECEDENCE[symbol] as number) : 0;
    if (precedence < precedenceMin || precedence === 0) return left;
    cursor.next();
    const op = (symbol === '<>' ? '!=' : symbol) as BinaryOp;
    const right = op === '=~' || op === '!~' ? parseRegex(cursor) : parseExpr(cursor, precedence + 1, depth + 1);
    left = { type: 'binary', op, left, right };
  }
}

export function parseRegex(cursor: Cursor): Expr {
  const regex = cursor.regex();
  return regex === undefined ? cursor.fail('regex') : { type: 'regex', regex };
}

function parseUnary(cursor: Cursor, depth: number): Expr {
  if (cursor.takeSymbol('(') !== undefined) {
    const inner = parseExpr(cursor, 1, depth + 1);
    cursor.expectSymbol(')');
    return inner;
  }
  const sign = cursor.takeSymbol('-', '+');
  if (sign !== undefined) {
    const operand = parseUnary(cursor, depth + 1);
    return sign === '+' ? operand : negate(operand);
  }
  const regex = cursor.regex();
  if (regex !== undefined) return { type: 'regex', regex };
  const token = cursor.peek();
  switch (token.type) {
    case 'string':
      cursor.next();
      return { type: 'string', value: token.value };
    case 'number':
      cursor.next();
      return { type: 'number', value: token.value };
    case 'integer':
      cursor.next();
      return { type: 'integer', value: token.value };
    case 'duration':
      cursor.next();
      return { type: 'duration', ns: token.ns };
    case 'symbol':
      return parseWildcard(cursor);
    default:
      return parseNamed(cursor, depth);
  }
}

function parseWildcard(cursor: Cursor): Expr {
  if (cursor.takeSymbol('*') === undefined) cursor.fail('identifier', 'string', 'number', 'bool');
  if (cursor.takeSymbol('::') === undefined) return { type: 'wildcard' };
  const only = cursor.expectWord('FIELD', 'TAG');
  return { type: 'wildcard', only: only === 'FIELD' ? 'field' : 'tag' };
}

function parseNamed(cursor: Cursor, depth: number): Expr {
  const boolean = cursor.takeWord('TRUE', 'FALSE');
  if (boolean !== undefined) return { type: 'boolean', value: boolean === 'TRUE' };
  const isCallable = cursor.peek().type === 'word';
  // DISTINCT is a keyword and a function.
  const name = cursor.takeWord('DISTINCT') ?? (cursor.isName() ? cursor.expectName() : undefined);
  if (name === undefined) return cursor.fail('identifier', 'string', 'number', 'bool');
  if (isCallable && cursor.takeSymbol('(') !== undefined) {
    return { type: 'call', name: name.toLowerCase(), args: parseArguments(cursor, depth) };
  }
  if (name === 'DISTINCT')
    return { type: 'call', name: 'distinct', args: [{ type: 'ref', name: cursor.expectName() }] };
  return { type: 'ref', name: parseRefRest(cursor, name), ...parseCast(cursor) };
}

/** `a.b.c` without quotes is one name. */
function parseRefRest(cursor: Cursor, first: string): string {
  let name = first;
  while (cursor.takeSymbol('.') !== undefined) name += `.${cursor.expectName()}`;
  return name;
}

function parseCast(cursor: Cursor): { cast?: Cast } {
  if (cursor.takeSymbol('::') === undefined) return {};
  const token = cursor.next();
  const cast = token.text.toLowerCase();
  if (token.type !== 'word' || !CASTS.includes(cast)) {
    cursor.failWith(`found ${token.text}, expected field, tag, float, integer, string, boolean`);
  }
  return { cast: cast as Cast };
}

function parseArguments(cursor: Cursor, depth: number): Expr[] {
  const args: Expr[] = [];
  if (cursor.takeSymbol(')') !== undefined) return args;
  do args.push(parseExpr(cursor, 1, depth + 1));
  while (cursor.takeSymbol(',') !== undefined);
  cursor.expectSymbol(')');
  return args;
}

function negate(operand: Expr): Expr {
  switch (operand.type) {
    case 'number':
      return { type: 'number', value: -operand.value };
    case 'integer':
      return { type: 'integer', value: -operand.value };
    case 'duration':
      return { type: 'duration', ns: -operand.ns };
    default:
      return { type: 'binary', op: '*', left: { type: 'integer', value: -1n }, right: operand };
  }
}
