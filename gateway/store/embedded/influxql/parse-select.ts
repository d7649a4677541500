import type { Dimension, Expr, Fill, SelectField, SelectStatement, Source } from './ast.ts';
import { type Cursor, unsupported } from './cursor.ts';
import { parseExpr } from './parse-expr.ts';

/** Parses what follows SELECT. */
export function parseSelect(cursor: Cursor): SelectStatement {
  const fields: SelectField[] = [];
  do fields.push(parseField(cursor));
  while (cursor.takeSymbol(',') !== undefined);
  if (cursor.takeWord('INTO') !== undefined) unsupported('INTO');
  cursor.expectWord('FROM');
  const sources = parseSources(cursor);
  const where = parseWhere(cursor);
  const groupBy = parseGroupBy(cursor);
  const fill = parseFill(cursor);
  const isDescending = parseOrderBy(cursor);
  const rows = cursor.page('LIMIT', 'OFFSET');
  const series = cursor.page('SLIMIT', 'SOFFSET');
  const timeZone = parseTimeZone(cursor);
  return {
    type: 'select',
    fields,
    sources,
    ...(where === undefined ? {} : { where }),
    groupBy,
    fill,
    isDescending,
    rows,
    series,
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}

export function parseSources(cursor: Cursor): Source[] {
  const sources: Source[] = [];
  do sources.push(parseSource(cursor));
  while (cursor.takeSymbol(',') !== undefined);
  return sources;
}

export function parseWhere(cursor: Cursor): Expr | undefined {
  return cursor.takeWord('WHERE') === undefined ? undefined : parseExpr(cursor);
}

function parseField(cursor: Cursor): SelectField {
  const expr = parseExpr(cursor);
  return cursor.takeWord('AS') === undefined ? { expr } : { expr, alias: cursor.expectName() };
}

/** `m`, `rp.m`, `db.rp.m` or `db..m`; the last may be a regular expression. */
function parseSource(cursor: Cursor): Source {
  if (cursor.takeSymbol('(') !== undefined) unsupported('a subquery');
  const parts: (string | RegExp)[] = [];
  do {
    const regex = cursor.regex();
    if (regex !== undefined) parts.push(regex);
    else if (parts.length === 1 && cursor.peek().text === '.') parts.push('');
    else parts.push(cursor.expectName());
  } while (parts.length < 3 && typeof parts.at(-1) === 'string' && cursor.takeSymbol('.') !== undefined);
  const match = parts.pop() as string | RegExp;
  const policy = parts.pop() as string | undefined;
  const database = parts.pop() as string | undefined;
  return { match, ...(policy ? { policy } : {}), ...(database ? { database } : {}) };
}

function parseGroupBy(cursor: Cursor): Dimension[] {
  const dimensions: Dimension[] = [];
  if (cursor.takeWord('GROUP') === undefined) return dimensions;
  cursor.expectWord('BY');
  do dimensions.push(parseDimension(cursor));
  while (cursor.takeSymbol(',') !== undefined);
  if (dimensions.filter((dimension) => dimension.type === 'time').length > 1) {
    cursor.failWith('multiple time dimensions not allowed');
  }
  return dimensions;
}

function parseDimension(cursor: Cursor): Dimension {
  const expr = parseExpr(cursor);
  if (expr.type === 'wildcard') return { type: 'wildcard' };
  if (expr.type === 'regex') return { type: 'regex', regex: expr.regex };
  if (expr.type === 'ref') {
    if (expr.name.toLowerCase() === 'time') {
      return cursor.failWith('time() is a function and expects at least one argument');
    }
    return { type: 'tag', name: expr.name };
  }
  if (expr.type !== 'call' || expr.name !== 'time') return cursor.failWith('only time and tag dimensions allowed');
  const [interval, offset] = expr.args;
  if (interval === undefined || expr.args.length > 2) {
    return cursor.failWith('time dimension expected 1 or 2 arguments');
  }
  if (interval.type !== 'duration' || interval.ns <= 0n) {
    return cursor.failWith('time dimension must have duration argument');
  }
  if (offset === undefined) return { type: 'time', intervalNs: interval.ns, offsetNs: 0n };
  if (offset.type === 'duration') return { type: 'time', intervalNs: interval.ns, offsetNs: offset.ns };
  return unsupported('a time() offset that is no duration');
}

function parseFill(cursor: Cursor): Fill {
  if (cursor.takeWord('FILL') === undefined) return 'null';
  cursor.expectSymbol('(');
  const token = cursor.peek();
  let fill: Fill;
  const word = cursor.takeWord('NULL', 'NONE', 'PREVIOUS', 'LINEAR');
  if (word !== undefined) fill = word.toLowerCase() as Fill;
  else {
    const value = parseExpr(cursor);
    if (value.type !== 'integer' && value.type !== 'number') {
      return cursor.failWith(`expected number argument in fill(), found ${token.text}`);
    }
    fill = Number(value.value);
  }
  cursor.expectSymbol(')');
  return fill;
}

function parseOrderBy(cursor: Cursor): boolean {
  if (cursor.takeWord('ORDER') === undefined) return false;
  cursor.expectWord('BY');
  let direction = cursor.takeWord('ASC', 'DESC');
  if (direction === undefined) {
    if (cursor.expectName().toLowerCase() !== 'time') cursor.failWith('only ORDER BY time supported at this time');
    direction = cursor.takeWord('ASC', 'DESC');
  }
  return direction === 'DESC';
}

function parseTimeZone(cursor: Cursor): string | undefined {
  if (cursor.takeWord('TZ') === undefined) return undefined;
  cursor.expectSymbol('(');
  const token = cursor.next();
  if (token.type !== 'string') return cursor.failWith('expected string argument in tz()');
  cursor.expectSymbol(')');
  try {
    new Intl.DateTimeFormat('en', { timeZone: token.value });
  } catch {
    return cursor.failWith(`unable to find time zone ${token.value}`);
  }
  return token.value;
}
