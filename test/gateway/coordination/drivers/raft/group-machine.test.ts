import { beforeEach, describe, expect, test } from 'vitest';
import { GroupMachine } from '../../../../../gateway/coordination/drivers/raft/index.ts';
import { type Command, type CommandResult, encodeRequest } from '../../../../../gateway/coordination/state/index.ts';

const LEASE = { type: 'lease-grant', leaseId: 'l', ttlMs: 1_000 } as const;
const RENEWAL = { type: 'lease-renew', leaseId: 'l' } as const;

let machine: GroupMachine;
let index: number;
let sequence: number;

beforeEach(() => {
  machine = new GroupMachine({ client: 'leader-a' });
  index = 0;
  sequence = 0;
});

function applyBytes(bytes: Uint8Array): CommandResult {
  return machine.apply(bytes, ++index).answer as CommandResult;
}

/** A command of a holder comes through the log. */
function apply(command: Command): CommandResult {
  return applyBytes(encodeRequest({ id: { client: 'holder', sequence: ++sequence }, command }));
}

describe('leases in the hands of the leader', () => {
  test('end with their keys a time to live after the last renewal was applied', () => {
    machine.begin(0);
    apply(LEASE);
    apply({ type: 'put', key: 'k', value: 'v', leaseId: 'l' });
    expect(machine.due(100)).toEqual([]);
    apply(RENEWAL);
    expect(machine.due(900)).toEqual([]);
    expect(machine.due(1_899)).toEqual([]);
    const [revocation] = machine.due(1_900);
    expect(applyBytes(revocation!)).toMatchObject({ type: 'lease-revoke', leaseId: 'l' });
    expect(machine.state.query({ key: 'k' }).keyValues).toEqual([]);
    expect(machine.due(9_000)).toEqual([]);
  });

  test('live on when a renewal stands in the log before the revocation', () => {
    machine.begin(0);
    apply(LEASE);
    machine.due(0);
    const [revocation] = machine.due(1_000);
    // The renewal was proposed first, and was not applied yet when the leader decided.
    expect(apply(RENEWAL)).toMatchObject({ type: 'lease-renew' });
    expect(applyBytes(revocation!)).toMatchObject({ type: 'noop' });
    expect(machine.state.lease('l')).toBeDefined();
    expect(machine.due(1_100)).toEqual([]);
    expect(machine.due(2_099)).toEqual([]);
    expect(machine.due(2_100)).toHaveLength(1);
  });

  test('are gone for a renewal that stands behind the revocation', () => {
    machine.begin(0);
    apply(LEASE);
    machine.due(0);
    const [revocation] = machine.due(1_000);
    applyBytes(revocation!);
    expect(apply(RENEWAL)).toMatchObject({ type: 'error', code: 'LEASE_NOT_FOUND' });
  });

  test('are ended once, though the revocation was handed out twice', () => {
    machine.begin(0);
    apply(LEASE);
    machine.due(0);
    const [first] = machine.due(1_000);
    const [second] = machine.due(2_000);
    expect(applyBytes(first!)).toMatchObject({ type: 'lease-revoke' });
    expect(applyBytes(second!)).toMatchObject({ type: 'noop' });
    expect(machine.due(9_000)).toEqual([]);
  });

  test('have their whole time again under a new leader, and a deposed one ends none', () => {
    machine.begin(0);
    apply(LEASE);
    machine.due(0);
    machine.end();
    expect(machine.due(5_000)).toEqual([]);
    machine.begin(5_000);
    expect(machine.due(5_999)).toEqual([]);
    expect(machine.due(6_000)).toHaveLength(1);
  });
});

test('a leader forgets old history in time, and asks for that no more once it is forgotten', () => {
  machine.begin(0);
  for (let n = 0; n <= 20_001; n++) apply({ type: 'put', key: 'k', value: String(n) });
  const [compaction, ...more] = machine.due(0);
  expect(more).toEqual([]);
  applyBytes(compaction!);
  expect(machine.state.compactedRevision).toBe(machine.state.revision - 10_000);
  expect(machine.due(0)).toEqual([]);
});
