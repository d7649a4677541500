import { z } from 'zod';

/** What a gateway tells of its clock: `GET /time`, and a part of its status. Times in ms. */
export const clockMemberStatusSchema = z.object({
  name: z.string(),
  /** unmeasured: no probe came back; silent: it did not say how its clock goes; joining: it was not set yet; apart: it disagrees. */
  verdict: z.enum(['unmeasured', 'silent', 'joining', 'accepted', 'apart']),
  /** How it was measured last. */
  path: z.enum(['udp', 'tcp', 'mqtt']).optional(),
  /** What its clock is behind the time of the mesh. */
  behindMs: z.number().optional(),
  /** Of what is known of it, and the smallest round trip to it. */
  uncertaintyMs: z.number().optional(),
  roundTripMsMin: z.number().optional(),
  /** How much faster than the master's monotonic clock its own goes. */
  ratePpm: z.number().optional(),
  samples: z.number(),
  impossible: z.number(),
  contradictions: z.number(),
});
export type ClockMemberStatus = z.infer<typeof clockMemberStatusSchema>;

export const clockStatusSchema = z.object({
  /** `none`: not synchronised; `relative`: with the other gateways alone; `absolute`: with UTC, by a reference outside. */
  kind: z.enum(['none', 'relative', 'absolute']),
  /** Mesh time when it was asked; the truth lies within the uncertainty, which is left out while nothing is known. */
  ms: z.number(),
  uncertaintyMs: z.number().optional(),
  /** Mesh time ahead of this machine's wall clock. */
  aheadOfWallMs: z.number(),
  master: z.string().optional(),
  term: z.number(),
  round: z.number(),
  frequencyPpm: z.number(),
  behindMs: z.number(),
  correctionMs: z.number().optional(),
  steps: z.number(),
  isSettled: z.boolean(),
  /** The uncertainty is beyond its bound (`time.uncertaintyMsMax`). */
  isAlarmed: z.boolean(),
  uncertaintyMsMax: z.number(),
  /** Rounds in which no majority of the clocks agreed. */
  disagreements: z.number(),
  /** What was refused, by reason: messages between gateways and probes. */
  refused: z.record(z.string(), z.number()),
  /** What the master knows of the others; empty at a member. */
  members: z.array(clockMemberStatusSchema),
  /** The reference outside of this gateway, when it has one. */
  reference: z.unknown().optional(),
});
export type ClockStatus = z.infer<typeof clockStatusSchema>;
