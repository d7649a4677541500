import { LatticeError, messageOf } from '../../../../core/errors/index.ts';

/** A failed call in our words. `isRetrySafe`: it can be made again without harm, since etcd has not carried it out. */
export interface Fault {
  error: LatticeError;
  isRetrySafe: boolean;
}

/** What etcd says (server/etcdserver/api/v3rpc/rpctypes) when it will not do it, however often it is asked. */
const REFUSALS: readonly [text: string, code: ConstructorParameters<typeof LatticeError>[0]][] = [
  ['required revision has been compacted', 'REVISION_COMPACTED'],
  ['required revision is a future revision', 'REVISION_IN_FUTURE'],
  ['requested lease not found', 'LEASE_NOT_FOUND'],
  ['duplicate key given in txn request', 'COORDINATION_REJECTED'],
  ['too many operations in txn request', 'COORDINATION_REJECTED'],
  ['request is too large', 'COORDINATION_REJECTED'],
  ['received message larger than max', 'COORDINATION_REJECTED'],
  ['database space exceeded', 'COORDINATION_REJECTED'],
  ['too large lease TTL', 'COORDINATION_REJECTED'],
  ['permission denied', 'COORDINATION_REJECTED'],
  ['authentication failed', 'COORDINATION_REJECTED'],
  ['user name is empty', 'COORDINATION_REJECTED'],
];

/** The request has not left, or etcd turned it away before it was proposed. */
const NEVER_SENT = [
  'No connection established',
  'Channel closed before call started',
  'Name resolution failed',
  'etcdserver: no leader',
  'etcdserver: too many requests',
  'etcdserver: not capable',
];

/** gRPC's INVALID_ARGUMENT and UNIMPLEMENTED: a fault of the request itself. */
const FAULTY_REQUEST = /^(3|12) [A-Z_]+: /;

const DEADLINE_EXCEEDED = /^4 [A-Z_]+: /;

/** Tells from the text of the error, since etcd3 keeps neither status nor details. `isWrite`: it may have changed something. */
export function faultOf(cause: unknown, what: string, isWrite: boolean): Fault {
  if (cause instanceof LatticeError) return { error: cause, isRetrySafe: false };
  const text = messageOf(cause);
  const detail = `${what}: ${text}`;
  const refusal = REFUSALS.find(([part]) => text.includes(part))?.[1];
  const code = refusal ?? (FAULTY_REQUEST.test(text) ? 'COORDINATION_REJECTED' : undefined);
  if (code !== undefined) return { error: new LatticeError(code, detail, { cause }), isRetrySafe: false };
  if (DEADLINE_EXCEEDED.test(text)) {
    return { error: new LatticeError('COORDINATION_TIMEOUT', detail, { cause }), isRetrySafe: false };
  }
  const isRetrySafe = !isWrite || NEVER_SENT.some((part) => text.includes(part));
  return {
    error: new LatticeError(isRetrySafe ? 'COORDINATION_UNAVAILABLE' : 'COORDINATION_TIMEOUT', detail, { cause }),
    isRetrySafe,
  };
}
