import { z } from 'zod';

/** A gap of more than this is a fault of whoever declares it. */
const GAP_LENGTH_MAX = 1_000_000_000;

/**
 * Readings that were dropped on purpose (a bound was hit), told by whoever dropped them, published under the `gap` of
 * the device that they came from. fromSeq to toSeq, both included.
 */
export const gapSchema = z
  .object({
    boot: z.string().regex(/^[A-Za-z0-9_-]{1,32}$/),
    fromSeq: z.int().min(1),
    toSeq: z.int().min(1),
    /** Why, as a coded error's name, for example SHIM_RING_FULL. */
    cause: z.string().max(64),
  })
  .refine(({ fromSeq, toSeq }) => toSeq >= fromSeq && toSeq - fromSeq < GAP_LENGTH_MAX, 'fromSeq to toSeq is no range');

export type Gap = z.infer<typeof gapSchema>;
