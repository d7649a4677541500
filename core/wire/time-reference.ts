import { z } from 'zod';

const serverSchema = z.object({
  /** host:port as configured. */
  name: z.string(),
  /** How it stands: `selected`, `falseticker`, `unreachable` and so on. */
  status: z.string(),
  stratum: z.number().optional(),
  /** UTC by this server minus UTC by what is followed. */
  offsetMs: z.number().optional(),
  /** Round trip. */
  delayMs: z.number().optional(),
  /** By so much its time may be wrong if it tells the truth about itself. */
  rootDistanceMs: z.number().optional(),
  /** Why it is of no use. */
  trouble: z.string().optional(),
});

/** What people are shown of `reference` in a ClockStatus: where UTC comes from, and why there is none. */
export const timeReferenceSchema = z.object({
  kind: z.string(),
  stratum: z.number().optional(),
  lastSample: z.object({ source: z.string(), uncertaintyMs: z.number() }).optional(),
  fault: z.object({ code: z.string(), detail: z.string() }).optional(),
  servers: z.array(serverSchema).default([]),
});
export type TimeReferenceStatus = z.infer<typeof timeReferenceSchema>;
