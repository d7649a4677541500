import { z } from 'zod';
import { isMeshName } from '../../core/wire/index.ts';
import { etcdDriverSchema } from '../coordination/index.ts';

const meshName = z.string().refine(isMeshName, '1 to 64 letters, digits, dots, dashes or underscores');
/** host:port, an IPv6 host in brackets. */
const address = z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):\d{1,5}$/, 'host:port');

const memberSchema = z.strictObject({
  name: meshName,
  address,
  /** A learner gets everything and does not vote. */
  role: z.enum(['voter', 'learner']).default('voter'),
});

/** The site's gateways agree by themselves. */
export const raftDriverSchema = z.strictObject({
  driver: z.literal('raft'),
  /** Where the other gateways reach this one. */
  listen: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535) }),
  /**
   * The gateways that a new group begins with, the same list at each of them; only looked at while there is nothing on disk.
   * None for a gateway that is added to a group (`lattice gateway add`).
   */
  members: z.array(memberSchema).max(64).default([]),
  /** Heartbeats every two ticks, elections after 10 to 19 ticks of silence; stretched while the leader is seen to be slow. */
  tickMs: z.int().min(1).max(1_000).default(15),
  /**
   * Lets the leader answer reads that ask for it without asking the others, on the word of its clock: a clock that runs wrong by more than
   * a tenth makes such a read stale, and a leader that dies is replaced after the election time-out only.
   */
  leaseReads: z.boolean().default(false),
});

export const agreementSchema = z.discriminatedUnion('driver', [raftDriverSchema, etcdDriverSchema]);
export type AgreementConfig = z.output<typeof agreementSchema>;
export type RaftDriverConfig = z.output<typeof raftDriverSchema>;
