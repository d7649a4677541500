import { LatticeError } from '../../core/errors/index.ts';
import type { CallOptions, Compare, KeyValue } from '../coordination/types.ts';
import { isAbsent, lockKey } from './core/index.ts';
import type { SiteGroup } from './run.ts';

/*
 * How the rest of the mesh lives beside transactions over several sites. A key that takes part in one is locked from the
 * prepare until the decision is carried out, and holds its old value meanwhile. Whoever writes such a key by itself adds
 * unlocked(keys) to its comparisons; a write without it may slip in between prepare and commit, and be overwritten. A plain
 * read gives the last committed value of its site; readCommitted refuses while the key is about to change.
 */

/** Comparisons that hold while no prepared transaction holds any of the keys. */
export function unlocked(keys: string[]): Compare[] {
  return keys.map((key) => isAbsent(lockKey(key)));
}

/**
 * The values of keys of one site, at one revision, in the order of the keys asked for; undefined for a key that is not
 * there. Rejects with TRANSACTION_IN_DOUBT while one of them is held by a prepared transaction.
 */
export async function readCommitted(
  group: SiteGroup,
  keys: string[],
  options?: CallOptions,
): Promise<(KeyValue | undefined)[]> {
  const { succeeded, results } = await group.transaction(
    { compare: unlocked(keys), success: keys.map((key) => ({ op: 'get', range: { key } })), failure: [] },
    options,
  );
  if (!succeeded) throw new LatticeError('TRANSACTION_IN_DOUBT', `A change of ${keys.join(', ')} is being decided.`);
  return results.map((result) => (result.op === 'get' ? result.keyValues[0] : undefined));
}
