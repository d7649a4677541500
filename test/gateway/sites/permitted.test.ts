import { describe, expect, test } from 'vitest';
import type { KeyRange, Operation } from '../../../gateway/coordination/index.ts';
import { checkRange, checkTransaction } from '../../../gateway/sites/permitted.ts';

const REFUSED = expect.objectContaining({ code: 'COORDINATION_REJECTED' });
const thrownBy = (act: () => void): unknown => {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
};

const FINE: KeyRange[] = [
  { key: 'lattice/txn/prepared/1' },
  { prefix: 'lattice/fleet/' },
  { from: 'lattice/fleet/a', to: 'lattice/fleet/b' },
];
const FOREIGN: KeyRange[] = [
  { key: 'lattice/ledger/head' },
  { key: 'lattice/fleetx' },
  { prefix: 'lattice/' },
  { prefix: '' },
  { from: 'lattice/fleet/a', to: 'lattice/txn/b' },
  { from: 'lattice/fleet/a', to: 'z' },
];

const preparing = (key: string): Operation => ({
  op: 'put',
  key: 'lattice/txn/prepared/1',
  value: JSON.stringify({
    participants: ['a', 'b'],
    decision: { kind: 'two-phase', coordinator: 'a' },
    decideWithinMs: 1_000,
    operations: [{ op: 'put', key, value: '' }],
    lockedKeys: [key],
  }),
});
const transactionOf = (...success: Operation[]) => ({ compare: [], success, failure: [] });

describe('what other sites may touch', () => {
  test.each(FINE)('%j', (range) => {
    expect(thrownBy(() => checkRange(range))).toBeUndefined();
  });

  test.each(FOREIGN)('not %j, in whatever place', (range) => {
    expect(thrownBy(() => checkRange(range))).toEqual(REFUSED);
    const operation: Operation = { op: 'delete', range };
    expect(thrownBy(() => checkTransaction(transactionOf(operation)))).toEqual(REFUSED);
    expect(thrownBy(() => checkTransaction({ compare: [], success: [], failure: [operation] }))).toEqual(REFUSED);
    if (!('key' in range)) return;
    const compare = [{ key: range.key, target: 'version', op: '=', value: 0 } as const];
    expect(thrownBy(() => checkTransaction({ compare, success: [], failure: [] }))).toEqual(REFUSED);
  });

  test('nothing that this site would do for them later', () => {
    expect(thrownBy(() => checkTransaction(transactionOf(preparing('lattice/fleet/desired/b/d'))))).toBeUndefined();
    expect(thrownBy(() => checkTransaction(transactionOf(preparing('lattice/ledger/head'))))).toEqual(REFUSED);
    expect(thrownBy(() => checkTransaction(transactionOf(preparing('lattice/txn/done/2'))))).toEqual(REFUSED);
    const garbage: Operation = { op: 'put', key: 'lattice/txn/prepared/1', value: '{' };
    expect(thrownBy(() => checkTransaction(transactionOf(garbage)))).toEqual(REFUSED);
  });
});
