import { z } from 'zod';

/**
 * Messages for another broker that one has given up, since a bound was hit: published under the `linkgap` of the broker that
 * held them, QoS 1, one for each destination and cause, at most once in a health interval. What is sent again by its origin,
 * or kept back by a filter of a link, is no gap.
 */
export const linkGapSchema = z
  .object({
    /** The broker that gave them up. */
    node: z.string().min(1).max(64),
    /** The broker that did not get them; of QoS 0 at the bound of a link's queue, the one at the other end. */
    to: z.string().min(1).max(64),
    /** The bound: `journal-bound`, `age`, or `volatile` for QoS 0. */
    cause: z.string().min(1).max(64),
    /** Messages, at most: places in the journal, some of which the destination may not have wanted. */
    count: z.int().min(1),
    /** Wall ms of the first and of the last. */
    fromMs: z.int(),
    toMs: z.int(),
  })
  .refine(({ fromMs, toMs }) => toMs >= fromMs, 'toMs is before fromMs');

export type LinkGap = z.infer<typeof linkGapSchema>;
