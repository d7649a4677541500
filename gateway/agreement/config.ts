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

/** Another site, whose gateways agree by themselves too, and whose group may take part in changes over several sites. */
const otherSiteSchema = z.strictObject({
  site: meshName,
  /**
   * Secret that the two sites share, the same at both ends. Not the key of either site: from that follow the passwords of all
   * its machines.
   */
  linkKey: z.string().min(16),
  gateways: z
    .array(z.strictObject({ name: meshName, address }))
    .min(1)
    .max(64),
});

/** The site's gateways agree by themselves. */
export const raftDriverSchema = z.strictObject({
  driver: z.literal('raft'),
  /** Where the other gateways reach this one. */
  listen: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535) }),
  /**
   * The gateways that a new group begins with, the same list at each of them; only looked at while there is nothing on disk.
   * For a gateway that is added to a group (`lattice gateway add`) those that there are, without itself.
   */
  members: z.array(memberSchema).max(64).default([]),
  /** Heartbeats every two ticks, elections after 10 to 19 ticks of silence; stretched while the leader is seen to be slow. */
  tickMs: z.int().min(1).max(1_000).default(15),
  /**
   * Lets the leader answer reads that ask for it without asking the others, on the word of its clock: a clock that runs wrong by more than
   * a tenth makes such a read stale, and a leader that dies is replaced after the election time-out only.
   */
  leaseReads: z.boolean().default(false),
  /** The same at each gateway of the site. A site that is not named here can ask nothing of this one. */
  sites: z
    .array(otherSiteSchema)
    .max(16)
    .refine((sites) => new Set(sites.map(({ site }) => site)).size === sites.length, 'a site is named twice')
    .default([]),
  /**
   * Where a change over several sites is decided. `two-phase`: in the group of the first of them; while that has no majority, what is
   * prepared elsewhere waits. `paxos`: by a majority of all sites, with one more write at each of that majority.
   */
  decision: z.enum(['two-phase', 'paxos']).default('two-phase'),
});

export const agreementSchema = z.discriminatedUnion('driver', [raftDriverSchema, etcdDriverSchema]);
export type AgreementConfig = z.output<typeof agreementSchema>;
export type RaftDriverConfig = z.output<typeof raftDriverSchema>;
