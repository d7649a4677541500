import { LatticeError } from '../../../core/errors/index.ts';
import type { KeyRange, Transaction } from '../../coordination/index.ts';

/** The mesh's own keys: the ledger, disks, jobs, the configuration of the fleet, transactions. */
const RESERVED_PREFIX = 'lattice/';
/** The first key behind them: '0' follows '/'. */
const RESERVED_END = 'lattice0';

/** Throws KEY_RESERVED when a transaction may change what is the mesh's own. */
export function checkNotReserved({ success, failure }: Transaction): void {
  for (const operation of [...success, ...failure]) {
    if (operation.op === 'get') continue;
    const range = operation.op === 'put' ? { key: operation.key } : operation.range;
    if (!touchesReserved(range)) continue;
    throw new LatticeError('KEY_RESERVED', `This would change what begins with ${RESERVED_PREFIX}.`);
  }
}

function touchesReserved(range: KeyRange): boolean {
  if ('key' in range) return range.key.startsWith(RESERVED_PREFIX);
  if ('prefix' in range) return range.prefix.startsWith(RESERVED_PREFIX) || RESERVED_PREFIX.startsWith(range.prefix);
  return range.from < RESERVED_END && range.to > RESERVED_PREFIX;
}
