import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { LatticeError } from '../../../core/errors/index.ts';
import { isMeshName } from '../../../core/wire/index.ts';
import { REPEATED_HEADER, REQUEST_HEADER, TIMEOUT_HEADER } from '../../coordination/drivers/http/index.ts';
import type { CallOptions, KeyRange, ReadOptions } from '../../coordination/index.ts';
import { LEASE_TTL_MS_MAX, LEASE_TTL_MS_MIN } from '../../coordination/state/index.ts';
import { checked } from './answers.ts';

const whole = z.coerce.number().int().min(0);
const rangeFields = {
  key: z.string().optional(),
  prefix: z.string().optional(),
  from: z.string().optional(),
  to: z.string().optional(),
};
type RangeFields = { [name in keyof typeof rangeFields]?: string | undefined };

const readQuery = z.strictObject({
  ...rangeFields,
  limit: whole.min(1).exactOptional(),
  revision: whole.exactOptional(),
  consistency: z.enum(['linearizable', 'lease', 'serializable']).exactOptional(),
});
const watchQuery = z.strictObject({ ...rangeFields, fromRevision: whole.exactOptional() });

export const leaseBody = z.strictObject({ ttlMs: z.int().min(LEASE_TTL_MS_MIN).max(LEASE_TTL_MS_MAX) });
export const compactBody = z.strictObject({ revision: z.int().min(0) });
export const transferBody = z.strictObject({ name: z.string() });
export const membersBody = z.strictObject({
  changes: z
    .array(
      z.discriminatedUnion('change', [
        z.strictObject({
          change: z.literal('add'),
          name: z.string().refine(isMeshName, '1 to 64 letters, digits, dots, dashes or underscores'),
          address: z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):\d{1,5}$/, 'host:port'),
          role: z.enum(['voter', 'learner']),
        }),
        z.strictObject({ change: z.literal('remove'), name: z.string() }),
      ]),
    )
    .min(1)
    .max(64),
});

/** What `GET range` asks for. Throws COORDINATION_REJECTED. */
export function readRequest(query: unknown): { range: KeyRange; options: ReadOptions } {
  const { key, prefix, from, to, ...options } = checked(readQuery, query);
  return { range: rangeOf({ key, prefix, from, to }), options };
}

/** What `GET watch` asks for. Throws COORDINATION_REJECTED. */
export function watchRequest(query: unknown): { range: KeyRange; fromRevision?: number } {
  const { key, prefix, from, to, ...options } = checked(watchQuery, query);
  return { range: rangeOf({ key, prefix, from, to }), ...options };
}

function rangeOf({ key, prefix, from, to }: RangeFields): KeyRange {
  const given = [key, prefix, from ?? to].filter((each) => each !== undefined).length;
  if (given === 1) {
    if (key !== undefined) return { key };
    if (prefix !== undefined) return { prefix };
    if (from !== undefined && to !== undefined) return { from, to };
  }
  throw new LatticeError('COORDINATION_REJECTED', 'The query has key, or prefix, or from and to.');
}

const TIMEOUT_MS = { default: 5_000, max: 60_000 } as const;
const requestName = z.string().regex(/^[\x21-\x7e]{1,64}\/\d{1,15}$/, 'client/sequence');

export interface CallHeaders {
  options: CallOptions & { timeoutMs: number };
  /** The change may have been carried out already. */
  isRepeated: boolean;
}

/** What the headers say of a call. Throws COORDINATION_REJECTED. */
export function callHeaders(headers: IncomingHttpHeaders): CallHeaders {
  const timeoutMs = checked(whole.min(1).default(TIMEOUT_MS.default), headers[TIMEOUT_HEADER]);
  const name = checked(requestName.optional(), headers[REQUEST_HEADER]);
  const at = name?.lastIndexOf('/') ?? 0;
  return {
    options: {
      timeoutMs: Math.min(timeoutMs, TIMEOUT_MS.max),
      ...(name === undefined ? {} : { requestId: { client: name.slice(0, at), sequence: Number(name.slice(at + 1)) } }),
    },
    isRepeated: headers[REPEATED_HEADER] === 'true',
  };
}
