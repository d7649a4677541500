import { z } from 'zod';

/** What a node keeps of its clock on disk: its frequency above all, for the time until others tell it better. */
export const savedClockSchema = z.object({
  version: z.literal(1),
  /** How much faster than the monotonic clock the mesh's time goes, in ppm. */
  frequencyPpm: z.number().min(-1_000).max(1_000),
  /** Whether the frequency was the settled one of its mesh. */
  isSettled: z.boolean(),
});
export type SavedClock = z.infer<typeof savedClockSchema>;
