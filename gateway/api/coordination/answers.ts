import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { codeOf, ERROR_CODES, type ErrorCode, LatticeError, messageOf } from '../../../core/errors/index.ts';

/** The HTTP status of an error; 500 for the others, which are faults of the gateway. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  COORDINATION_REJECTED: 400,
  OPERATOR_REQUIRED: 403,
  KEY_RESERVED: 403,
  LEASE_NOT_FOUND: 404,
  MEMBER_CHANGE_REFUSED: 409,
  LEDGER_INVALID: 409,
  TIME_NOT_MASTER: 409,
  TIME_NO_REFERENCE: 409,
  REVISION_COMPACTED: 410,
  REVISION_IN_FUTURE: 416,
  COORDINATION_UNAVAILABLE: 503,
  RAFT_PROPOSAL_DROPPED: 503,
  COORDINATION_TIMEOUT: 504,
};

/** An error as these routes answer it. */
export function describeError(error: unknown): { code: ErrorCode; what: string; detail: string } {
  const code = codeOf(error);
  return { code, what: ERROR_CODES[code].what, detail: messageOf(error) };
}

export function answerErrors(scope: FastifyInstance): void {
  scope.setErrorHandler((error: Error & { statusCode?: number }, _request, reply: FastifyReply) => {
    // Fastify's own refusals: a body that is too large, or no JSON.
    const isRefusal = error.statusCode !== undefined && error.statusCode < 500;
    const told = isRefusal ? new LatticeError('COORDINATION_REJECTED', error.message) : error;
    const described = describeError(told);
    return reply.code(STATUSES[described.code] ?? 500).send(described);
  });
}

/** What a client sent, checked. Throws COORDINATION_REJECTED with every fault. */
export function checked<T>(schema: z.ZodType<T>, given: unknown): T {
  const { data, error } = schema.safeParse(given);
  if (error !== undefined) throw new LatticeError('COORDINATION_REJECTED', z.prettifyError(error));
  return data as T;
}
