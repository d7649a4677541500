import type { PolicyOptions, Statement } from './ast.ts';
import { Cursor, unsupported } from './cursor.ts';
import { parseSelect, parseSources, parseWhere } from './parse-select.ts';
import { parseShow } from './parse-show.ts';

const UNSUPPORTED = ['DELETE', 'EXPLAIN', 'GRANT', 'REVOKE', 'SET', 'KILL'];

/** Parses one or several statements, joined by semicolons. Throws QUERY_SYNTAX, QUERY_UNSUPPORTED. */
export function parseQuery(text: string): Statement[] {
  const cursor = new Cursor(text);
  const statements: Statement[] = [];
  for (;;) {
    while (cursor.takeSymbol(';') !== undefined);
    if (cursor.peek().type === 'end') return statements;
    statements.push(parseStatement(cursor));
    if (cursor.peek().type !== 'end' && cursor.peek().text !== ';') cursor.fail(';', 'EOF');
  }
}

function parseStatement(cursor: Cursor): Statement {
  const refused = cursor.takeWord(...UNSUPPORTED);
  if (refused !== undefined) unsupported(refused);
  const word = cursor.takeWord('SELECT', 'SHOW', 'CREATE', 'DROP', 'ALTER');
  switch (word) {
    case 'SELECT':
      return parseSelect(cursor);
    case 'SHOW':
      return parseShow(cursor);
    case 'CREATE':
      return parseCreate(cursor);
    case 'DROP':
      return parseDrop(cursor);
    case 'ALTER': {
      cursor.expectWord('RETENTION');
      return parsePolicy(cursor, 'alterPolicy');
    }
    default:
      return cursor.fail(
        ...['SELECT', 'DELETE', 'SHOW', 'CREATE', 'DROP', 'EXPLAIN', 'GRANT', 'REVOKE', 'ALTER', 'SET', 'KILL'],
      );
  }
}

function parseCreate(cursor: Cursor): Statement {
  const refused = cursor.takeWord('CONTINUOUS', 'USER', 'SUBSCRIPTION');
  if (refused !== undefined) unsupported(`CREATE ${refused}`);
  if (cursor.expectWord('DATABASE', 'RETENTION') === 'RETENTION') return parsePolicy(cursor, 'createPolicy');
  const name = cursor.expectName();
  if (cursor.takeWord('WITH') === undefined) return { type: 'createDatabase', name };
  const policy: PolicyOptions & { name?: string } = parsePolicyOptions(cursor, false);
  if (cursor.takeWord('NAME') !== undefined) policy.name = cursor.expectName();
  return { type: 'createDatabase', name, policy };
}

function parseDrop(cursor: Cursor): Statement {
  const refused = cursor.takeWord('CONTINUOUS', 'USER', 'SUBSCRIPTION', 'SHARD');
  if (refused !== undefined) unsupported(`DROP ${refused}`);
  switch (cursor.expectWord('DATABASE', 'MEASUREMENT', 'RETENTION', 'SERIES')) {
    case 'DATABASE':
      return { type: 'dropDatabase', name: cursor.expectName() };
    case 'MEASUREMENT':
      return { type: 'dropMeasurement', name: cursor.expectName() };
    case 'SERIES': {
      const sources = cursor.takeWord('FROM') === undefined ? [] : parseSources(cursor);
      const where = parseWhere(cursor);
      if (sources.length === 0 && where === undefined) cursor.fail('FROM', 'WHERE');
      return { type: 'dropSeries', sources, ...(where === undefined ? {} : { where }) };
    }
    default: {
      cursor.expectWord('POLICY');
      const name = cursor.expectName();
      cursor.expectWord('ON');
      return { type: 'dropPolicy', name, database: cursor.expectName() };
    }
  }
}

function parsePolicy(cursor: Cursor, type: 'createPolicy' | 'alterPolicy'): Statement {
  cursor.expectWord('POLICY');
  const name = cursor.expectName();
  cursor.expectWord('ON');
  const database = cursor.expectName();
  return { type, name, database, ...parsePolicyOptions(cursor, type === 'createPolicy') };
}

/** Replication and shard duration are taken and mean nothing to a store of one machine. */
function parsePolicyOptions(cursor: Cursor, needsDuration: boolean): PolicyOptions {
  const options: PolicyOptions = {};
  for (;;) {
    const word = cursor.takeWord('DURATION', 'REPLICATION', 'SHARD', 'DEFAULT');
    if (word === 'DURATION') options.durationNs = cursor.expectDuration();
    else if (word === 'REPLICATION') cursor.expectInteger();
    else if (word === 'SHARD') {
      cursor.expectWord('DURATION');
      cursor.expectDuration();
    } else if (word === 'DEFAULT') options.isDefault = true;
    else if (needsDuration && options.durationNs === undefined) cursor.fail('DURATION');
    else return options;
  }
}
