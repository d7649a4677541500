export { type ChangeOperation, TRANSACTIONS_PREFIX } from './core/index.ts';
export { readCommitted, unlocked } from './guard.ts';
export { Recovery, type RecoveryOptions } from './recovery.ts';
export type { SiteGroup } from './run.ts';
export {
  type Committed,
  KEYS_PER_SITE_MAX,
  type SiteChange,
  TRANSACTOR_LIMITS,
  Transactor,
  type TransactorLimits,
  type TransactorOptions,
} from './transactor.ts';
