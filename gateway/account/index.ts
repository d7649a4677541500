export { IntervalSet } from './interval-set.ts';
export { Ledger, type LedgerSnapshot, type LedgerTotals, ledgerSnapshotSchema, type ReadingKey } from './ledger.ts';
export { type GatewayProgress, loadProgress, saveProgress } from './progress-file.ts';
