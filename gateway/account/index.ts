export { IntervalSet } from './interval-set.ts';
export { Ledger, type LedgerSnapshot, type LedgerTotals, type ReadingKey } from './ledger.ts';
export { type GatewayProgress, loadProgress, saveProgress } from './progress-file.ts';
export { Tally } from './tally.ts';
