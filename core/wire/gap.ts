import { z } from 'zod';

/**
 * Readings that were dropped on purpose (a bound was hit), told by whoever dropped them, published under the `gap` of
 * the device that they came from. fromSeq to toSeq, both included.
 */
export const gapSchema = z.object({
  boot: z.string().regex(/^[A-Za-z0-9_-]{1,32}$/),
  fromSeq: z.int().min(1),
  toSeq: z.int().min(1),
  /** Why, as a coded error's name, for example SHIM_RING_FULL. */
  cause: z.string().max(64),
});

export type Gap = z.infer<typeof gapSchema>;
