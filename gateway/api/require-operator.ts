import type { FastifyRequest } from 'fastify';
import { ERROR_CODES, LatticeError } from '../../core/errors/index.ts';

/** Throws OPERATOR_REQUIRED for the accounts that may only read. */
export function requireOperator({ identity }: FastifyRequest): void {
  if (identity?.role !== 'operator') throw new LatticeError('OPERATOR_REQUIRED', ERROR_CODES.OPERATOR_REQUIRED.what);
}
