import { z } from 'zod';

/** 2000-01-01. Earlier, a number is seconds taken for milliseconds, or from a clock that was never set. */
const MESH_TIME_MS_MIN = 946_684_800_000;
/** The end of 9999, the last that a date of four digits can say. */
const MESH_TIME_MS_MAX = 253_402_300_799_999;

/**
 * What the time of a mesh is set to: that of the master's reference outside, that of its machine's wall clock, or a moment in ms
 * since 1970-01-01 UTC, 2000 to 9999. The body of `POST /time/set`.
 */
export const timeTargetSchema = z.strictObject({
  to: z.union([z.literal(['reference', 'wall']), z.number().min(MESH_TIME_MS_MIN).max(MESH_TIME_MS_MAX)]),
});
export type TimeTarget = z.infer<typeof timeTargetSchema>['to'];
