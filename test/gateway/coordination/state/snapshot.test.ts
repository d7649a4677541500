import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CoordinationMachine, encodeRequest } from '../../../../gateway/coordination/state/index.ts';

function someMachine(): CoordinationMachine {
  const machine = new CoordinationMachine();
  const commands = [
    { type: 'lease-grant', leaseId: 'l', ttlMs: 5_000 },
    { type: 'put', key: 'a', value: 'new\nline, \u{1f600}', leaseId: 'l' },
    { type: 'put', key: 'b', value: '' },
    { type: 'put', key: 'a', value: '2' },
    { type: 'compact', revision: 3 },
    { type: 'delete', range: { key: 'b' } },
  ] as const;
  commands.forEach((command, at) => {
    machine.apply(encodeRequest({ id: { client: 'test', sequence: at + 1 }, command }), at + 1);
  });
  return machine;
}

const DAMAGED = expect.objectContaining({ code: 'RAFT_STORAGE_DAMAGED' });

describe('a snapshot', () => {
  it('with any byte changed or cut off is refused, and the machine is as it was', () => {
    const snapshot = someMachine().snapshot();
    const machine = someMachine();
    machine.apply(new Uint8Array(), 100);
    const digest = machine.digest();
    for (let at = 0; at < snapshot.length; at++) {
      const damaged = Uint8Array.from(snapshot);
      damaged[at]! ^= 0x20;
      expect(() => machine.restore(damaged)).toThrow(DAMAGED);
      expect(() => machine.restore(snapshot.subarray(0, at))).toThrow(DAMAGED);
    }
    expect(machine.digest()).toBe(digest);
  });

  it('of a version that is not known is refused by its name', () => {
    const text = Buffer.from(someMachine().snapshot()).toString().slice(0, -9).replace('"version":1', '"version":2');
    const later = Buffer.from(`${text}${crc32(text).toString(16).padStart(8, '0')}\n`);
    expect(() => new CoordinationMachine().restore(later)).toThrow('lattice-coordination 2');
  });

  it('of several pieces is restored whole', () => {
    const machine = someMachine();
    for (let at = 1; at <= 40; at++) {
      const command = { type: 'put', key: `k${at}`, value: 'x'.repeat(5_000) } as const;
      machine.apply(encodeRequest({ id: { client: 'other', sequence: at }, command }), 100 + at);
    }
    const pieces = [...machine.snapshotPieces()];
    expect(pieces.length).toBeGreaterThan(3);
    const restored = new CoordinationMachine();
    restored.restore(Buffer.concat(pieces));
    expect(restored.digest()).toBe(machine.digest());
    expect(restored.query({ prefix: '' })).toEqual(machine.query({ prefix: '' }));
  });

  it('is read from bytes that begin anywhere in their buffer', () => {
    const snapshot = someMachine().snapshot();
    const shifted = new Uint8Array(snapshot.length + 3);
    shifted.set(snapshot, 3);
    const machine = new CoordinationMachine();
    machine.restore(shifted.subarray(3));
    expect(machine.digest()).toBe(someMachine().digest());
  });
});
