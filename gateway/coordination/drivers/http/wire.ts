import { z } from 'zod';
import { agreementStatusSchema } from '../../../../core/wire/index.ts';
import type { KeyRange, KeyValue, WatchEvent } from '../../types.ts';

/*
 * What the routes of a gateway and this driver say to each other. Answers are JSON; what may be long is NDJSON, a value a line.
 */

export const COORDINATION_PATH = '/v1/coordination';
/** `client/sequence`: the name of a change, under which it is carried out once; see CallOptions.requestId. */
export const REQUEST_HEADER = 'lattice-request';
/** `true` when the change may have been carried out already. */
export const REPEATED_HEADER = 'lattice-request-repeated';
/** How long the gateway may take for its answer, ms. */
export const TIMEOUT_HEADER = 'lattice-timeout-ms';
/** A watch that has nothing to tell says so as often as this. */
export const HEARTBEAT_MS = 5_000;

const whole = z.int().min(0);

export const keyValueSchema: z.ZodType<KeyValue> = z.object({
  key: z.string(),
  value: z.string(),
  createRevision: whole,
  modRevision: whole,
  version: whole,
  leaseId: z.string(),
});

export const rangeAnswerSchema = z.object({
  keyValues: z.array(keyValueSchema),
  revision: whole,
  hasMore: z.boolean(),
});

export const transactionAnswerSchema = z.object({
  succeeded: z.boolean(),
  revision: whole,
  results: z.array(
    z.discriminatedUnion('op', [
      z.object({ op: z.literal('put'), previous: keyValueSchema.exactOptional() }),
      z.object({ op: z.literal('delete'), deleted: z.array(keyValueSchema) }),
      z.object({ op: z.literal('get'), keyValues: z.array(keyValueSchema), hasMore: z.boolean() }),
    ]),
  ),
});

export const leaseSchema = z.object({ id: z.string(), ttlMs: z.number() });

export const statusAnswerSchema = agreementStatusSchema.extend({ compactedRevision: whole.exactOptional() });
export type StatusAnswer = z.infer<typeof statusAnswerSchema>;

export const membersAnswerSchema = z.object({ members: agreementStatusSchema.shape.members });

/** What is wrong: a code of core/errors, what it means, and what happened in this case. */
export const errorSchema = z.object({ code: z.string(), what: z.string().optional(), detail: z.string().optional() });

const eventSchema: z.ZodType<WatchEvent> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('put'), keyValue: keyValueSchema, previous: keyValueSchema.exactOptional() }),
  z.object({ type: z.literal('delete'), key: z.string(), revision: whole, previous: keyValueSchema.exactOptional() }),
]);

export const watchLineSchema = z.discriminatedUnion('type', [
  /** The first line: what is told begins with this revision. */
  z.object({ type: z.literal('watching'), fromRevision: whole }),
  z.object({ type: z.literal('batch'), revision: whole, events: z.array(eventSchema) }),
  z.object({ type: z.literal('heartbeat') }),
  /** The last line. */
  errorSchema.extend({ type: z.literal('error') }),
]);
export type WatchLine = z.infer<typeof watchLineSchema>;

/** A range as the query of an address. */
export function rangeQuery(range: KeyRange): Record<string, string> {
  return { ...range };
}
