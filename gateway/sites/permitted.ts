import { LatticeError } from '../../core/errors/index.ts';
import type { KeyRange, Operation, Transaction } from '../coordination/types.ts';
import { FLEET_PREFIX } from '../fleet/index.ts';
import { type Prepared, preparedKey, preparedSchema, TRANSACTIONS_PREFIX } from '../transactions/index.ts';

/** The keys that another site may read and change here; all others are this site's own. */
const PREFIXES = [TRANSACTIONS_PREFIX, FLEET_PREFIX];

/** Throws COORDINATION_REJECTED when another site has no business with the range. */
export function checkRange(range: KeyRange): void {
  const ends = 'key' in range ? [range.key] : 'prefix' in range ? [range.prefix] : [range.from, range.to];
  // Whatever lies between two keys that begin with a prefix begins with it too.
  if (!PREFIXES.some((prefix) => ends.every((end) => end.startsWith(prefix)))) refuse(ends.join(' to '));
}

/**
 * Throws COORDINATION_REJECTED when the transaction looks at or changes what is not for other sites. What a prepared record
 * is to change is looked at too: this site's own recovery carries it out, unasked.
 */
export function checkTransaction({ compare, success, failure }: Transaction): void {
  for (const { key } of compare) checkRange({ key });
  for (const operation of [...success, ...failure]) {
    checkRange(operation.op === 'put' ? { key: operation.key } : operation.range);
    checkPrepared(operation);
  }
}

function checkPrepared(operation: Operation): void {
  if (operation.op !== 'put' || !operation.key.startsWith(preparedKey(''))) return;
  for (const { key } of prepared(operation.key, operation.value).operations) {
    if (!key.startsWith(FLEET_PREFIX)) refuse(key);
  }
}

function prepared(key: string, value: string): Prepared {
  try {
    return preparedSchema.parse(JSON.parse(value));
  } catch (cause) {
    throw new LatticeError('COORDINATION_REJECTED', `What is to be written at ${key} is no record of a transaction.`, {
      cause,
    });
  }
}

function refuse(key: string): never {
  throw new LatticeError('COORDINATION_REJECTED', `${key} is not for other sites.`);
}
