import { LatticeError } from '../../core/errors/index.ts';
import type { Compare, Operation, Transaction } from '../coordination/types.ts';
import { unlocked } from '../transactions/index.ts';
import { canonicalJson, type Json } from './canonical-json.ts';
import {
  ADD_AUTHOR,
  authorDetailsSchema,
  entrySchema,
  GENESIS,
  hasGoodSignature,
  hashOf,
  type LedgerEntry,
  REVOKE_AUTHOR,
  revocationDetailsSchema,
} from './entry.ts';
import { authorKey, entryKey, HEAD_KEY } from './keys.ts';

/**
 * A transaction that somebody else has made, when it does what an append to the ledger does and nothing beside: it puts one entry,
 * signed by an author who is one when it is carried out, behind the newest. What comes back has comparisons that make sure
 * of the latter two. Throws COORDINATION_REJECTED.
 */
export function checkedAppend({ compare, success, failure }: Transaction): Transaction {
  const [entryPut, ...others] = success;
  const entry = entryOf(entryPut);
  const { sequence, hash, previousHash, author, act, details } = entry;
  const isFirst = sequence === 1;
  check(isFirst === (act === GENESIS), `a ledger begins with ${GENESIS}, once`);
  check(hashOf(entry) === hash, 'its hash is not that of its content');
  const publicKey = isFirst ? authorDetailsSchema.safeParse(details).data?.publicKey : keyIn(compare, author);
  check(publicKey !== undefined && hasGoodSignature(entry, publicKey), `${author} has not signed it`);
  const head = (of: { sequence: number; hash: string }) => JSON.stringify({ sequence: of.sequence, hash: of.hash });
  const expected: Operation[] = [{ op: 'put', key: HEAD_KEY, value: head({ sequence, hash }) }, ...authorChange(entry)];
  check(isSame(others, expected), 'it changes something beside');
  check(
    failure.every(({ op }) => op === 'get'),
    'it does something when it is not first',
  );
  const follows: Compare = isFirst
    ? { key: HEAD_KEY, target: 'version', op: '=', value: 0 }
    : { key: HEAD_KEY, target: 'value', op: '=', value: head({ sequence: sequence - 1, hash: previousHash }) };
  return { compare: [...compare, follows, ...unlocked([HEAD_KEY])], success, failure };
}

function entryOf(operation: Operation | undefined): LedgerEntry {
  if (operation?.op === 'put') {
    try {
      const json = JSON.parse(operation.value) as Json;
      const entry = entrySchema.parse(json);
      if (operation.key === entryKey(entry.sequence) && canonicalJson(json) === operation.value) return entry;
    } catch (cause) {
      throw new LatticeError('COORDINATION_REJECTED', 'This is no entry of a ledger.', { cause });
    }
  }
  throw new LatticeError('COORDINATION_REJECTED', 'This is no entry of a ledger.');
}

/** The key that the transaction makes sure the author has. */
function keyIn(compare: readonly Compare[], author: string): string | undefined {
  const own = compare.find(({ key, target, op }) => key === authorKey(author) && target === 'value' && op === '=');
  return own?.value as string | undefined;
}

function authorChange({ act, details }: LedgerEntry): Operation[] {
  if (act === GENESIS || act === ADD_AUTHOR) {
    const { data } = authorDetailsSchema.safeParse(details);
    check(data !== undefined, 'it introduces an author without name or key');
    return [{ op: 'put', key: authorKey(data.author), value: data.publicKey }];
  }
  if (act !== REVOKE_AUTHOR) return [];
  const { data } = revocationDetailsSchema.safeParse(details);
  check(data !== undefined, 'it revokes an author without a name');
  return [{ op: 'delete', range: { key: authorKey(data.author) } }];
}

function isSame(a: readonly Operation[], b: readonly Operation[]): boolean {
  return canonicalJson(a as unknown as Json) === canonicalJson(b as unknown as Json);
}

function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new LatticeError('COORDINATION_REJECTED', `This is no append to the ledger: ${otherwise}.`);
}
