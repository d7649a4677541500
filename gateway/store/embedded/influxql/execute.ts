import { LatticeError } from '../../../../core/errors/index.ts';
import type { Statement } from './ast.ts';
import { databaseOf, policyOf, type QueryContext } from './context.ts';
import type { StatementResult } from './result.ts';
import { select } from './select/index.ts';
import { seriesByMeasurement, showContents, showDatabases, showPolicies } from './show.ts';

/** Whether a statement changes nothing. */
export function isReadOnly(statement: Statement): boolean {
  return statement.type === 'select' || statement.type.startsWith('show');
}

/** Runs one statement. Throws QUERY_SYNTAX, QUERY_UNSUPPORTED, QUERY_LIMIT, STORE_NOT_FOUND. */
export async function executeStatement(statement: Statement, context: QueryContext): Promise<StatementResult> {
  switch (statement.type) {
    case 'select':
      return select(statement, context);
    case 'showDatabases':
      return showDatabases(context);
    case 'showPolicies':
      return showPolicies(statement.database, context);
    case 'showMeasurements':
    case 'showTagKeys':
    case 'showTagValues':
    case 'showFieldKeys':
    case 'showSeries':
      return showContents(statement, context);
    default:
      change(statement, context);
      return {};
  }
}

type Change = Exclude<Statement, { type: 'select' | `show${string}` }>;

function change(statement: Change, context: QueryContext): void {
  const { engine } = context;
  switch (statement.type) {
    case 'createDatabase':
      createDatabase(statement, context);
      break;
    case 'dropDatabase':
      engine.dropDatabase(statement.name);
      break;
    case 'dropMeasurement':
      engine.dropMeasurement(databaseOf(context, undefined).name, statement.name);
      break;
    case 'dropSeries':
      for (const { measurement, series } of seriesByMeasurement(statement, context)) {
        engine.dropSeries(databaseOf(context, undefined).name, measurement.name, series);
      }
      break;
    case 'createPolicy':
      createPolicy(statement, context);
      break;
    case 'alterPolicy':
      policyOf(context, databaseOf(context, statement.database), statement.name);
      engine.alterPolicy(statement.database, statement.name, statement);
      break;
    case 'dropPolicy':
      if (databaseOf(context, statement.database).policy(statement.name) !== undefined) {
        engine.dropPolicy(statement.database, statement.name);
      }
      break;
  }
}

function createDatabase(statement: Extract<Statement, { type: 'createDatabase' }>, { engine }: QueryContext): void {
  const isNew = engine.database(statement.name) === undefined;
  engine.createDatabase(statement.name);
  const { policy } = statement;
  if (policy === undefined || !isNew) return;
  const first = engine.database(statement.name)?.defaultPolicy?.name as string;
  if (policy.name === undefined || policy.name === first) engine.alterPolicy(statement.name, first, policy);
  else {
    engine.createPolicy(statement.name, policy.name, { ...policy, isDefault: true });
    engine.dropPolicy(statement.name, first);
  }
}

function createPolicy(
  statement: Extract<Statement, { type: 'createPolicy' | 'alterPolicy' }>,
  context: QueryContext,
): void {
  const known = databaseOf(context, statement.database).policy(statement.name);
  if (known === undefined) {
    context.engine.createPolicy(statement.database, statement.name, statement);
    return;
  }
  const isSame =
    known.durationNs === (statement.durationNs ?? 0n) && known.isDefault === (statement.isDefault ?? false);
  if (!isSame) throw new LatticeError('QUERY_SYNTAX', 'retention policy already exists');
}
