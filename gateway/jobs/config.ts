import { z } from 'zod';
import { isCronExpression } from './schedule.ts';

const schedule = z.string().refine((text) => text === 'off' || isCronExpression(text), 'a cron expression, or off');

/** When the leader of the site does what, as cron expressions in UTC; `off` for never. */
export const jobsConfigSchema = z.strictObject({
  /** Checks the whole ledger of administrative acts. */
  'ledger-verify': schedule.default('0 3 * * *'),
  /** Writes what the embedded store holds as a point of the measurement lattice_store. */
  'store-usage': schedule.default('0 * * * *'),
});

export type JobsConfig = z.output<typeof jobsConfigSchema>;
