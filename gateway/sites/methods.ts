import { z } from 'zod';
import { rangeSchema, transactionSchema } from '../coordination/state/index.ts';
import { defineMethod } from '../transport/rpc/index.ts';

/*
 * What the gateways of one site ask of those of another, for changes over several sites. Every gateway serves it; which one
 * is asked does not matter.
 */

/** Keys that one call reads at most; each is of 256 KiB at most, and a frame of 8 MiB. */
export const RANGE_LIMIT_MAX = 100;

const keyValueSchema = z.object({
  key: z.string(),
  value: z.string(),
  createRevision: z.int(),
  modRevision: z.int(),
  version: z.int(),
  leaseId: z.string(),
});

const operationResultSchema = z.discriminatedUnion('op', [
  z.object({ op: z.literal('put'), previous: keyValueSchema.exactOptional() }),
  z.object({ op: z.literal('delete'), deleted: z.array(keyValueSchema) }),
  z.object({ op: z.literal('get'), keyValues: z.array(keyValueSchema), hasMore: z.boolean() }),
]);

/** A transaction of the asked site's group. A request with the same id is carried out once, whichever gateway gets it. */
export const siteTransaction = defineMethod({
  name: 'site.transaction',
  request: z.object({
    /** The caller counts the requests of a life from 1, and has no more than 48 under way. */
    id: z.object({ client: z.string().min(1).max(64), sequence: z.int().min(1) }),
    transaction: transactionSchema,
  }),
  reply: z.object({ succeeded: z.boolean(), revision: z.int(), results: z.array(operationResultSchema) }),
});

/** A linearizable read of the asked site's group. */
export const siteRange = defineMethod({
  name: 'site.range',
  request: z.object({ range: rangeSchema, limit: z.int().min(1).max(RANGE_LIMIT_MAX) }),
  reply: z.object({ keyValues: z.array(keyValueSchema), revision: z.int(), hasMore: z.boolean() }),
});
