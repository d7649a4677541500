import { describe, expect, it } from 'vitest';
import {
  type Command,
  CoordinationMachine,
  encodeRequest,
  STATE_LIMITS,
} from '../../../../gateway/coordination/state/index.ts';
import type { Operation } from '../../../../gateway/coordination/types.ts';

function makeMachine(limits: Partial<typeof STATE_LIMITS> = {}) {
  const machine = new CoordinationMachine({ ...STATE_LIMITS, ...limits });
  const apply = (command: Command) => {
    const index = machine.appliedIndex + 1;
    return machine.apply(encodeRequest({ id: { client: 'test', sequence: index }, command }), index).result;
  };
  const transact = (...success: Operation[]) => apply({ type: 'transaction', compare: [], success, failure: [] });
  return { machine, apply, transact };
}

const REJECTED = { type: 'error', code: 'COORDINATION_REJECTED' };

describe('a transaction', () => {
  it('reads what it has written itself, at one revision', () => {
    const { transact } = makeMachine();
    const result = transact(
      { op: 'put', key: 'a', value: '1' },
      { op: 'get', range: { prefix: '' } },
      { op: 'delete', range: { key: 'b' } },
      { op: 'put', key: 'c', value: '3' },
      { op: 'get', range: { prefix: '' }, limit: 1 },
    );
    const a = { key: 'a', value: '1', createRevision: 2, modRevision: 2, version: 1, leaseId: '' };
    expect(result).toEqual({
      type: 'transaction',
      succeeded: true,
      revision: 2,
      results: [
        { op: 'put' },
        { op: 'get', keyValues: [a], hasMore: false },
        { op: 'delete', deleted: [] },
        { op: 'put' },
        { op: 'get', keyValues: [a], hasMore: true },
      ],
    });
  });

  it('makes no revision when it changes nothing', () => {
    const { machine, transact } = makeMachine();
    expect(transact({ op: 'delete', range: { prefix: '' } })).toMatchObject({ revision: 1 });
    expect(machine.revision).toBe(1);
  });

  it.each<[string, Operation[]]>([
    ['puts a key twice', [put('a'), put('a')]],
    ['puts a key that it deletes', [put('a/1'), { op: 'delete', range: { prefix: 'a' } }]],
    ['deletes a key that it then puts', [{ op: 'delete', range: { from: 'a', to: 'b' } }, put('a')]],
    ['puts an empty key', [put('')]],
    ['reads an empty key', [{ op: 'get', range: { key: '' } }]],
    ['puts half of a surrogate pair', [put('\ud83d')]],
    ['puts such a value', [{ op: 'put', key: 'a', value: '\ude00' }]],
    ['has a key of more than 1 KiB in UTF-8', [put('\u{e9}'.repeat(513))]],
    ['has a value of more than 256 KiB', [{ op: 'put', key: 'a', value: 'x'.repeat(262_145) }]],
    ['has more than 128 operations', Array.from({ length: 129 }, (_, at) => put(`k${at}`))],
  ])('that %s is refused, in the branch that is not taken too', (_, operations) => {
    const { machine, apply } = makeMachine();
    apply({ type: 'put', key: 'before', value: '' });
    const compare = [{ key: 'before', target: 'version' as const, op: '=' as const, value: 1 }];
    expect(apply({ type: 'transaction', compare, success: operations, failure: [] })).toMatchObject(REJECTED);
    expect(apply({ type: 'transaction', compare, success: [], failure: operations })).toMatchObject(REJECTED);
    expect([machine.revision, machine.keys]).toEqual([2, 1]);
  });

  it('takes keys and values of just the greatest size', () => {
    const { transact } = makeMachine();
    expect(transact({ op: 'put', key: 'k'.repeat(1_024), value: 'x'.repeat(262_144) })).toMatchObject({ revision: 2 });
  });

  it('puts nothing when one of its leases is not there', () => {
    const { machine, transact } = makeMachine();
    const result = transact(put('a'), { op: 'put', key: 'b', value: '', leaseId: 'gone' });
    expect(result).toMatchObject({ type: 'error', code: 'LEASE_NOT_FOUND' });
    expect([machine.revision, machine.keys]).toEqual([1, 0]);
  });

  it('is refused as a whole when the keys would be too many; changes of what is there go on', () => {
    const { machine, transact } = makeMachine({ keysMax: 2 });
    transact(put('a'));
    expect(transact(put('b'), put('c'))).toMatchObject(REJECTED);
    expect(machine.keys).toBe(1);
    transact(put('b'));
    expect(transact(put('a'), put('b'))).toMatchObject({ revision: 4 });
  });

  it('is refused when the store is full, until keys are deleted and the history is compacted', () => {
    const { machine, apply, transact } = makeMachine({ storeBytesMax: 1_000 });
    let puts = 0;
    while (transact(put('a')).type === 'transaction') puts++;
    expect(puts).toBe(4);
    expect(transact({ op: 'delete', range: { key: 'a' } })).toMatchObject({ type: 'transaction' });
    expect(apply({ type: 'compact', revision: machine.revision })).toMatchObject({ type: 'compact' });
    expect(transact(put('a'))).toMatchObject({ type: 'transaction' });
  });
});

function put(key: string): Operation {
  return { op: 'put', key, value: '' };
}
