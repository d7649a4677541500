export { decisionKey, doneKey, lockKey, preparedKey, registerKey, TRANSACTIONS_PREFIX } from './keys.ts';
export {
  type Ballot,
  type ChangeOperation,
  type DecisionPlace,
  type Outcome,
  outcomeRecordSchema,
  type Prepared,
  preparedSchema,
  registerSchema,
} from './records.ts';
export { type Ask, isAbsent } from './requests.ts';
export { type Seen, type SweepWork, sweep } from './sweep.ts';
export {
  beginRecovery,
  beginTransaction,
  type Effect,
  type Event,
  type Finished,
  type Limits,
  type Part,
  type Plan,
  type Step,
  stepTransaction,
  type TransactionState,
} from './transaction.ts';
