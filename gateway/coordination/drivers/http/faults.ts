import { ERROR_CODES, type ErrorCode, errnoOf, LatticeError, messageOf } from '../../../../core/errors/index.ts';
import { errorSchema } from './wire.ts';

/**
 * Why an attempt came to nothing. `undone`: nothing was changed, and another gateway may do better. `unknown`: it may have been
 * carried out. `refused`: asking again, here or elsewhere, will not help.
 */
export interface Fault {
  outcome: 'undone' | 'unknown' | 'refused';
  error: LatticeError;
}

/** The connection was never made. */
const NEVER_SENT: ReadonlySet<string | undefined> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** What fetch rejected with. */
export function transportFault(thrown: unknown, base: string): Fault {
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  // Several addresses of a host were tried: all of them failed, so one of the reasons will do.
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  const detail = `${base}: ${messageOf(first) || (errnoOf(first) ?? 'no answer')}.`;
  if (NEVER_SENT.has(errnoOf(first))) {
    return { outcome: 'undone', error: new LatticeError('COORDINATION_UNAVAILABLE', detail, { cause: thrown }) };
  }
  return { outcome: 'unknown', error: new LatticeError('COORDINATION_TIMEOUT', detail, { cause: thrown }) };
}

/** An answer that is no success. */
export function answerFault(status: number, text: string, base: string): Fault {
  // Node's answer to an address that is longer than it takes: a key beyond every bound.
  if (status === 431) {
    return { outcome: 'refused', error: new LatticeError('COORDINATION_REJECTED', 'The key is too large.') };
  }
  const error = errorOf(text);
  if (error === undefined) {
    const detail = `${base} answered ${status} in a form that is not known here.`;
    // A server that is closing, or a proxy, has not handed the request over.
    if (status === 503) return { outcome: 'undone', error: new LatticeError('COORDINATION_UNAVAILABLE', detail) };
    if (status > 500) return { outcome: 'unknown', error: new LatticeError('COORDINATION_TIMEOUT', detail) };
    return { outcome: 'refused', error: new LatticeError('UNREACHABLE', detail) };
  }
  if (error.code === 'COORDINATION_UNAVAILABLE') return { outcome: 'undone', error };
  return { outcome: error.code === 'COORDINATION_TIMEOUT' ? 'unknown' : 'refused', error };
}

/** The error that a gateway describes; undefined when it describes none. */
export function errorOf(described: unknown): LatticeError | undefined {
  let json = described;
  if (typeof described === 'string') {
    try {
      json = JSON.parse(described);
    } catch {
      return undefined;
    }
  }
  const { data } = errorSchema.safeParse(json);
  if (data === undefined || !Object.hasOwn(ERROR_CODES, data.code)) return undefined;
  const code = data.code as ErrorCode;
  return new LatticeError(code, data.detail ?? ERROR_CODES[code].what);
}
