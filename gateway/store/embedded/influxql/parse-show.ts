import type { KeyMatch, Source, Statement } from './ast.ts';
import { type Cursor, unsupported } from './cursor.ts';
import { parseSources, parseWhere } from './parse-select.ts';

const UNSUPPORTED = [
  'CONTINUOUS',
  'DIAGNOSTICS',
  'GRANTS',
  'QUERIES',
  'SHARD',
  'SHARDS',
  'STATS',
  'SUBSCRIPTIONS',
  'USERS',
];

/** Parses what follows SHOW. */
export function parseShow(cursor: Cursor): Statement {
  const refused = cursor.takeWord(...UNSUPPORTED);
  if (refused !== undefined) unsupported(`SHOW ${refused}`);
  switch (cursor.expectWord('DATABASES', 'FIELD', 'MEASUREMENT', 'MEASUREMENTS', 'RETENTION', 'SERIES', 'TAG')) {
    case 'DATABASES':
      return { type: 'showDatabases' };
    case 'MEASUREMENTS':
      return { type: 'showMeasurements', ...parseShowMeasurements(cursor) };
    case 'RETENTION':
      cursor.expectWord('POLICIES');
      return { type: 'showPolicies', ...parseOn(cursor) };
    case 'FIELD':
      cursor.expectWord('KEYS');
      return { type: 'showFieldKeys', ...parseBase(cursor) };
    case 'SERIES':
      refuseCardinality(cursor);
      return { type: 'showSeries', ...parseBase(cursor) };
    case 'TAG':
      return parseShowTag(cursor);
    default:
      return unsupported('CARDINALITY');
  }
}

function parseShowTag(cursor: Cursor): Statement {
  if (cursor.expectWord('KEYS', 'KEY', 'VALUES') !== 'VALUES') {
    refuseCardinality(cursor);
    return { type: 'showTagKeys', ...parseBase(cursor) };
  }
  refuseCardinality(cursor);
  const on = parseOn(cursor);
  const sources = parseFrom(cursor);
  cursor.expectWord('WITH');
  cursor.expectWord('KEY');
  const key = parseKeyMatch(cursor);
  return { type: 'showTagValues', ...on, sources, key, ...parseRest(cursor) };
}

type Base = Omit<Extract<Statement, { type: 'showTagKeys' }>, 'type'>;

function parseBase(cursor: Cursor): Base {
  return { ...parseOn(cursor), sources: parseFrom(cursor), ...parseRest(cursor) };
}

function parseShowMeasurements(cursor: Cursor): Base {
  const on = parseOn(cursor);
  let sources: Source[] = [];
  if (cursor.takeWord('WITH') !== undefined) {
    cursor.expectWord('MEASUREMENT');
    const op = cursor.takeSymbol('=', '=~') ?? cursor.fail('=', '=~');
    const match = op === '=' ? cursor.expectName() : (cursor.regex() ?? cursor.fail('regex'));
    sources = [{ match }];
  }
  return { ...on, sources, ...parseRest(cursor) };
}

function parseOn(cursor: Cursor): { database?: string } {
  return cursor.takeWord('ON') === undefined ? {} : { database: cursor.expectName() };
}

function parseFrom(cursor: Cursor): Source[] {
  return cursor.takeWord('FROM') === undefined ? [] : parseSources(cursor);
}

function parseRest(cursor: Cursor): Pick<Base, 'where' | 'rows'> {
  const where = parseWhere(cursor);
  if (cursor.takeWord('ORDER') !== undefined) {
    cursor.expectWord('BY');
    cursor.expectName();
    cursor.takeWord('ASC');
  }
  const rows = cursor.page('LIMIT', 'OFFSET');
  return { ...(where === undefined ? {} : { where }), rows };
}

function parseKeyMatch(cursor: Cursor): KeyMatch {
  if (cursor.takeWord('IN') !== undefined) {
    cursor.expectSymbol('(');
    const names: string[] = [];
    do names.push(cursor.expectName());
    while (cursor.takeSymbol(',') !== undefined);
    cursor.expectSymbol(')');
    return { names, isNegated: false };
  }
  const op = cursor.takeSymbol('=', '!=', '<>', '=~', '!~') ?? cursor.fail('IN', '=', '!=', '=~', '!~');
  const isNegated = op !== '=' && op !== '=~';
  if (op === '=~' || op === '!~') return { regex: cursor.regex() ?? cursor.fail('regex'), isNegated };
  return { names: [cursor.expectName()], isNegated };
}

function refuseCardinality(cursor: Cursor): void {
  if (cursor.takeWord('EXACT', 'CARDINALITY') !== undefined) unsupported('CARDINALITY');
}
