import { LatticeError } from '../../../core/errors/index.ts';
import type { FencingToken } from '../../../core/wire/index.ts';
import type { CallOptions, Compare, Coordinator, Operation, TransactionResult } from '../types.ts';

/*
 * The fence of what lies in the coordinator itself. The greatest token of a scope is a key; whoever begins to lead claims it,
 * and everything that is written in the name of a token compares that key in the same transaction. So there is no moment
 * between the check and the deed in which an older holder could slip through.
 */

type Group = Pick<Coordinator, 'transaction'>;

/** Values are compared as text, so tokens are padded to the digits of the greatest whole number. */
const DIGITS = String(Number.MAX_SAFE_INTEGER).length;

const textOf = (token: number): string => String(token).padStart(DIGITS, '0');

function fenceKey(scope: string): string {
  return `lattice/fences/${encodeURIComponent(scope)}`;
}

/** Holds while the token was claimed and no greater one was: for the comparisons of whatever is written in its name. */
export function isHolder({ scope, token }: FencingToken): Compare {
  return { key: fenceKey(scope), target: 'value', op: '=', value: textOf(token) };
}

/** Makes the token the one that counts; may be repeated. Rejects with FENCED when a greater one was claimed. */
export async function claimFence(group: Group, fence: FencingToken, options: CallOptions = {}): Promise<void> {
  const key = fenceKey(fence.scope);
  const put: Operation = { op: 'put', key, value: textOf(fence.token) };
  const get: Operation = { op: 'get', range: { key } };
  const claimIf = (compare: Compare): Promise<TransactionResult> =>
    group.transaction({ compare: [compare], success: [put], failure: [get] }, options);
  for (;;) {
    const raised = await claimIf({ key, target: 'value', op: '<', value: textOf(fence.token + 1) });
    if (raised.succeeded) return;
    const [found] = raised.results;
    if (found?.op === 'get' && found.keyValues[0] !== undefined) throw fenced(fence);
    const first = await claimIf({ key, target: 'version', op: '=', value: 0 });
    if (first.succeeded) return;
  }
}

/** Carries the operations out in the name of a token that was claimed. Rejects with FENCED, and then nothing was changed. */
export async function fencedTransaction(
  group: Group,
  fence: FencingToken,
  operations: Operation[],
  options: CallOptions = {},
): Promise<TransactionResult> {
  const result = await group.transaction({ compare: [isHolder(fence)], success: operations, failure: [] }, options);
  if (!result.succeeded) throw fenced(fence);
  return result;
}

function fenced({ scope, token }: FencingToken): LatticeError {
  return new LatticeError('FENCED', `Token ${token} of ${scope} is not the one that counts.`);
}
