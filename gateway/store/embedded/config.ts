import { z } from 'zod';
import { accountSchema } from '../../../core/identity/index.ts';

const MIB = 1024 * 1024;

/** Bounds of the embedded store. What is beyond one is refused with a message that names it; nothing dies of it. */
export const storeLimitsSchema = z.object({
  /** A body after unpacking, as influxd's max-body-size. */
  bodyBytesMax: z.int().min(1024).default(25_000_000),
  /** Bodies that wait for the next transaction; beyond it 503, and the sender tries again. */
  writeQueueBytesMax: z
    .int()
    .min(1024)
    .default(64 * MIB),
  seriesMax: z.int().min(1).default(100_000),
  /** SQLite has 2,000 columns at most; two of them are series and time. */
  fieldsPerMeasurementMax: z.int().min(1).max(1_900).default(1_000),
  malformedReportedMax: z.int().min(1).default(20),
  /** Rows of one answer. */
  queryRowsMax: z.int().min(1).default(1_000_000),
  /** Rows that one statement may read from disk. */
  queryPointsMax: z.int().min(1).default(20_000_000),
  /** Groups of time per series of one statement, as influxd's max-select-buckets. */
  queryBucketsMax: z.int().min(1).default(500_000),
});
export type StoreLimits = z.output<typeof storeLimitsSchema>;

/** Configuration of the process of the embedded store. */
export const storeConfigSchema = z.strictObject({
  site: z.string().min(1).max(64),
  dataDir: z.string().min(1),
  listen: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535) }),
  /** Made at the start if it is not there. */
  database: z.string().min(1).default('lattice'),
  siteKey: z.string().min(16),
  accounts: z.array(accountSchema).default([]),
  limits: storeLimitsSchema.prefault({}),
  retention: z
    .strictObject({
      /** How long the default policy of the database keeps points; for ever when left out. */
      durationHours: z.number().positive().optional(),
      /** How often what is older is deleted. */
      checkIntervalMs: z.int().min(1_000).default(600_000),
    })
    .prefault({}),
});
export type StoreProcessConfig = z.output<typeof storeConfigSchema>;
