import { z } from 'zod';
import type { Clock } from '../../core/time/index.ts';

/** One store that a gateway writes to and reads from. */
export const storeTargetSchema = z.strictObject({
  /** `embedded`: the store that comes with Lattice. `influx`: an InfluxDB 1.x, or what speaks its API. */
  driver: z.enum(['embedded', 'influx']).default('embedded'),
  /** May have a path, for a store behind a proxy. */
  url: z.url({ protocol: /^https?$/ }),
  database: z.string().min(1).default('lattice'),
  username: z.string().optional(),
  password: z.string().optional(),
  /** From the start of a request to the end of its answer. */
  timeoutMs: z.int().min(1).default(10_000),
});
export type StoreConfig = z.output<typeof storeTargetSchema>;

export interface StoreDeps {
  clock: Clock;
}
