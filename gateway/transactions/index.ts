export {
  type ChangeOperation,
  decisionKey,
  doneKey,
  lockKey,
  type Outcome,
  outcomeRecordSchema,
  type Prepared,
  preparedKey,
  preparedSchema,
  TRANSACTIONS_PREFIX,
} from './core/index.ts';
export { readCommitted, unlocked } from './guard.ts';
export { Recovery, type RecoveryOptions } from './recovery.ts';
export type { SiteGroup } from './run.ts';
export {
  type Committed,
  KEYS_PER_SITE_MAX,
  randomId,
  type SiteChange,
  TRANSACTOR_LIMITS,
  Transactor,
  type TransactorLimits,
  type TransactorOptions,
} from './transactor.ts';
