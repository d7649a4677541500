import { z } from 'zod';
import type { ErrorCode } from '../../../core/errors/index.ts';
import type { Lease, TransactionResult } from '../types.ts';
import { LEASE_TTL_MS_MAX, LEASE_TTL_MS_MIN } from './limits.ts';

/*
 * What stands in an entry of the replicated log: a request id and a command, as JSON in UTF-8. Lengths and counts are
 * judged by the state machine, with its limits; here is only the shape.
 */

const wholeSchema = z.int().min(0);
const opSchema = z.enum(['=', '!=', '<', '>']);

export const rangeSchema = z.union([
  z.strictObject({ key: z.string() }),
  z.strictObject({ prefix: z.string() }),
  z.strictObject({ from: z.string(), to: z.string() }),
]);

const putSchema = z.object({ key: z.string(), value: z.string(), leaseId: z.string().exactOptional() });

const compareSchema = z.union([
  z.object({
    key: z.string(),
    target: z.enum(['version', 'createRevision', 'modRevision']),
    op: opSchema,
    value: wholeSchema,
  }),
  z.object({ key: z.string(), target: z.literal('value'), op: opSchema, value: z.string() }),
  z.object({ key: z.string(), target: z.literal('leaseId'), op: z.enum(['=', '!=']), value: z.string() }),
]);

const operationSchema = z.discriminatedUnion('op', [
  putSchema.extend({ op: z.literal('put') }),
  z.object({ op: z.literal('delete'), range: rangeSchema }),
  z.object({ op: z.literal('get'), range: rangeSchema, limit: z.int().min(1).exactOptional() }),
]);

export const transactionSchema = z.object({
  compare: z.array(compareSchema),
  success: z.array(operationSchema),
  failure: z.array(operationSchema),
});

const commandSchema = z.discriminatedUnion('type', [
  putSchema.extend({ type: z.literal('put') }),
  z.object({ type: z.literal('delete'), range: rangeSchema }),
  transactionSchema.extend({ type: z.literal('transaction') }),
  z.object({
    type: z.literal('lease-grant'),
    leaseId: z.string().min(1).max(64),
    ttlMs: z.int().min(LEASE_TTL_MS_MIN).max(LEASE_TTL_MS_MAX),
  }),
  z.object({ type: z.literal('lease-renew'), leaseId: z.string() }),
  z.object({
    type: z.literal('lease-revoke'),
    leaseId: z.string(),
    /** Void unless it was renewed so often: a lease that the leader thinks has ended may have been renewed meanwhile. */
    ifRenewals: z.int().min(0).exactOptional(),
  }),
  z.object({ type: z.literal('compact'), revision: z.int().min(1) }),
  z.object({ type: z.literal('noop') }),
]);

const requestSchema = z.object({
  /** The client counts its requests from 1 and keeps the number of one that it repeats. */
  id: z.object({ client: z.string().min(1).max(64), sequence: z.int().min(1) }),
  command: commandSchema,
});

export type Command = z.infer<typeof commandSchema>;
export type Request = z.infer<typeof requestSchema>;
export type RequestId = Request['id'];

/** What a command came to. An error has changed nothing. */
export type CommandResult =
  | ({ type: 'transaction' } & TransactionResult)
  | { type: 'lease-grant'; lease: Lease; revision: number }
  | { type: 'lease-renew'; lease: Lease; revision: number }
  | { type: 'lease-revoke'; leaseId: string; revision: number }
  | { type: 'compact'; revision: number }
  | { type: 'noop'; revision: number }
  | { type: 'error'; code: ErrorCode; message: string };

/** Whether a member would take it for a command: one that is none is answered to nobody, since it may be anybody's. */
export function isCommand(command: unknown): boolean {
  return commandSchema.safeParse(command).success;
}

export function encodeRequest(request: Request): Uint8Array {
  return Buffer.from(JSON.stringify(request));
}

/** The request, or undefined when the bytes are none. */
export function decodeRequest(bytes: Uint8Array): Request | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch {
    return undefined;
  }
  return requestSchema.safeParse(json).data;
}
