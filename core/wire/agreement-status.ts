import { z } from 'zod';

/** What a gateway knows of how the gateways of its site agree: `GET /agreement` and a part of its status. */
export const agreementStatusSchema = z.object({
  driver: z.enum(['raft', 'etcd']),
  /** This gateway's own part. */
  role: z.enum(['leader', 'follower', 'candidate', 'learner', 'waiting', 'failed', 'client']),
  /** Why it takes no part, when it has failed. */
  reason: z.string().optional(),
  leader: z.string().optional(),
  term: z.number(),
  /** Index of the newest entry that is agreed on, and of the newest that is carried out here. */
  commit: z.number().optional(),
  applied: z.number().optional(),
  revision: z.number(),
  members: z.array(
    z.object({
      name: z.string(),
      role: z.enum(['voter', 'learner']),
      address: z.string().optional(),
      /** How far its log is known to reach; the leader alone knows. */
      match: z.number().optional(),
      /** Whether this gateway is connected with it, and how long a message takes there and back. */
      isUp: z.boolean().optional(),
      roundTripMs: z.number().optional(),
    }),
  ),
});
export type AgreementStatus = z.infer<typeof agreementStatusSchema>;
