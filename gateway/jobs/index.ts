export { type JobsConfig, jobsConfigSchema } from './config.ts';
export { type LedgerVerifyOptions, ledgerVerifyJob } from './ledger-verify.ts';
export { fillJobMetrics } from './metrics.ts';
export { type JobRecord, readJobRecords } from './record.ts';
export { JobRunner, type JobRunnerOptions } from './runner.ts';
export { cronSchedule, type Schedule } from './schedule.ts';
export { type StoreUsageOptions, storeUsageJob } from './store-usage.ts';
export type { Job, JobContext, JobCounters } from './types.ts';
