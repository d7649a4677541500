import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Command, CoordinationMachine, encodeRequest } from '../../../../gateway/coordination/state/index.ts';
import type { WatchEvent } from '../../../../gateway/coordination/types.ts';
import { command, KEYS, range } from './arbitraries.ts';
import { NaiveStore } from './naive-store.ts';

const commands = fc.array(command, { minLength: 1, maxLength: 60 });

function apply(machine: CoordinationMachine, what: Command, sequence = machine.appliedIndex + 1, client = 'test') {
  return machine.apply(encodeRequest({ id: { client, sequence }, command: what }), machine.appliedIndex + 1);
}

function codeOf(result: { type: string }): unknown {
  return result.type === 'error' ? { type: 'error', code: (result as { code?: string }).code } : result;
}

function sorted(events: readonly WatchEvent[]): WatchEvent[] {
  const nameOf = (event: WatchEvent) => (event.type === 'put' ? event.keyValue.key : event.key);
  return [...events].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

describe('CoordinationMachine', () => {
  it('does what whole copies of the keys at each revision say', () => {
    fc.assert(
      fc.property(commands, range, (all, someRange) => {
        const machine = new CoordinationMachine();
        const naive = new NaiveStore();
        for (const one of all) {
          const before = naive.revision;
          const { result, batch } = apply(machine, one);
          expect(codeOf(result)).toEqual(naive.apply(one));
          expect(machine.revision).toBe(naive.revision);
          expect(batch?.revision).toBe(naive.revision > before ? naive.revision : undefined);
          if (batch) expect(sorted(batch.events)).toEqual(sorted(naive.eventsAt(batch.revision)));
        }
        for (let revision = 1; revision <= naive.revision + 1; revision++) {
          const query = () => machine.query(someRange, { revision });
          if (revision < naive.compactedRevision) {
            expect(query).toThrow(expect.objectContaining({ code: 'REVISION_COMPACTED' }));
          } else if (revision > naive.revision) {
            expect(query).toThrow(expect.objectContaining({ code: 'REVISION_IN_FUTURE' }));
          } else {
            expect(query().keyValues).toEqual(naive.range(someRange, revision));
          }
        }
        expect(machine.query(someRange).keyValues).toEqual(naive.range(someRange));
        expect(machine.keys).toBe(naive.keys().size);
        expect([...machine.leases()].map(({ id, ttlMs }) => [id, ttlMs])).toEqual([...naive.leases]);
      }),
      { numRuns: 500 },
    );
  });

  it('tells the events of a revision again for as long as it is kept, in the order in which they were made', () => {
    fc.assert(
      fc.property(commands, (all) => {
        const machine = new CoordinationMachine();
        const made = new Map<number, WatchEvent[]>();
        for (const one of all) {
          const { batch } = apply(machine, one);
          if (batch) made.set(batch.revision, batch.events);
        }
        for (let revision = Math.max(2, machine.compactedRevision); revision <= machine.revision; revision++) {
          const withPrevious = revision > machine.compactedRevision;
          const events = made.get(revision)!;
          expect(machine.eventsAt(revision).map(bare)).toEqual(events.map(bare));
          if (withPrevious) expect(machine.eventsAt(revision)).toEqual(events);
        }
      }),
    );
  });

  it('restored at any point, is the same to the byte and stays the same', () => {
    fc.assert(
      fc.property(commands, fc.nat(), (all, cut) => {
        const straight = new CoordinationMachine();
        let restored = new CoordinationMachine();
        all.forEach((one, at) => {
          if (at === cut % all.length) {
            const fromSnapshot = new CoordinationMachine();
            fromSnapshot.restore(straight.snapshot());
            restored = fromSnapshot;
            expect(restored.digest()).toBe(straight.digest());
            expect([restored.bytes, restored.keys, restored.appliedIndex]).toEqual([
              straight.bytes,
              straight.keys,
              straight.appliedIndex,
            ]);
          } else if (at < cut % all.length) {
            apply(straight, one);
            return;
          }
          expect(apply(restored, one)).toEqual(apply(straight, one));
        });
        expect(Buffer.from(restored.snapshot())).toEqual(Buffer.from(straight.snapshot()));
        expect(restored.bytes).toBe(straight.bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('takes a snapshot of the moment, whatever is applied while its pieces are taken', () => {
    fc.assert(
      fc.property(commands, commands, (before, meanwhile) => {
        const machine = new CoordinationMachine();
        for (const one of before) apply(machine, one);
        const expected = Buffer.from(machine.snapshot());
        const pieces = machine.snapshotPieces();
        for (const one of meanwhile) apply(machine, one);
        expect(Buffer.concat([...pieces])).toEqual(expected);
      }),
    );
  });

  it('has an outcome hash that tells one changed value apart, and goes on from a snapshot', () => {
    const [one, same, other] = ['x', 'x', 'y'].map((value) => {
      const machine = new CoordinationMachine();
      apply(machine, { type: 'put', key: 'a', value });
      return machine;
    });
    expect(one!.outcomeHash).toBe(same!.outcomeHash);
    expect(one!.outcomeHash).not.toBe(other!.outcomeHash);
    other!.restore(one!.snapshot());
    for (const machine of [one!, other!]) apply(machine, { type: 'put', key: 'a', value: 'z' });
    expect(one!.outcomeHash).toBe(other!.outcomeHash);
  });

  it('counts what it keeps: after everything is deleted and compacted twice, nothing', () => {
    fc.assert(
      fc.property(commands, (all) => {
        const machine = new CoordinationMachine();
        for (const one of all) apply(machine, one);
        apply(machine, { type: 'delete', range: { prefix: '' } });
        apply(machine, { type: 'put', key: KEYS[0]!, value: '' });
        apply(machine, { type: 'compact', revision: machine.revision });
        const { key } = machine.query({ prefix: '' }).keyValues[0]!;
        const left = machine.bytes;
        const fresh = new CoordinationMachine();
        apply(fresh, { type: 'put', key, value: '' });
        expect(left).toBe(fresh.bytes);
      }),
    );
  });

  it('answers a repeated request with its first answer, and changes nothing', () => {
    const machine = new CoordinationMachine();
    const increment: Command = { type: 'put', key: 'a', value: 'once' };
    const first = apply(machine, increment, 7);
    const digest = machine.digest();
    apply(machine, { type: 'put', key: 'a', value: 'later' }, 8);
    const again = apply(machine, increment, 7);
    expect(again).toEqual({ id: { client: 'test', sequence: 7 }, result: first.result, repeated: true });
    expect(machine.query({ key: 'a' }).keyValues[0]!.value).toBe('later');
    expect(machine.digest()).not.toBe(digest);
  });

  it('remembers a comparison that failed: its repeat does not succeed later', () => {
    const machine = new CoordinationMachine();
    const create: Command = {
      type: 'transaction',
      compare: [{ key: 'lock', target: 'version', op: '=', value: 0 }],
      success: [{ op: 'put', key: 'lock', value: 'mine' }],
      failure: [],
    };
    apply(machine, { type: 'put', key: 'lock', value: 'theirs' }, 1, 'other');
    expect(apply(machine, create, 1).result).toMatchObject({ succeeded: false });
    apply(machine, { type: 'delete', range: { key: 'lock' } }, 2, 'other');
    expect(apply(machine, create, 1).result).toMatchObject({ succeeded: false });
    expect(machine.keys).toBe(0);
  });

  it('deletes the keys of a revoked lease at one revision, in their order, and only those that still hang on it', () => {
    const machine = new CoordinationMachine();
    apply(machine, { type: 'lease-grant', leaseId: 'l1', ttlMs: 1_000 });
    for (const key of ['c', 'a', 'b', 'd']) apply(machine, { type: 'put', key, value: '', leaseId: 'l1' });
    apply(machine, { type: 'put', key: 'b', value: 'stays' });
    apply(machine, { type: 'put', key: 'e', value: 'stays', leaseId: 'l1' });
    apply(machine, { type: 'delete', range: { key: 'e' } });
    apply(machine, { type: 'put', key: 'e', value: 'stays' });
    const { batch, result } = apply(machine, { type: 'lease-revoke', leaseId: 'l1' });
    expect(batch?.events.map((event) => 'key' in event && event.key)).toEqual(['a', 'c', 'd']);
    expect(result).toEqual({ type: 'lease-revoke', leaseId: 'l1', revision: machine.revision });
    expect(machine.query({ prefix: '' }).keyValues.map(({ key }) => key)).toEqual(['b', 'e']);
  });

  it('comes to the same error for any bytes that are no request, and goes on', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        const machine = new CoordinationMachine();
        const { result } = machine.apply(bytes, 1);
        expect(result).toEqual({ type: 'error', code: 'COORDINATION_REJECTED', message: 'The command is malformed.' });
        expect(machine.revision).toBe(1);
        expect(apply(machine, { type: 'put', key: 'a', value: '' }).result).toMatchObject({ revision: 2 });
      }),
    );
  });

  it('takes the empty entry of a new leader, and refuses to go back', () => {
    const machine = new CoordinationMachine();
    expect(machine.apply(new Uint8Array(), 3)).toEqual({ result: { type: 'noop', revision: 1 }, repeated: false });
    expect(() => machine.apply(new Uint8Array(), 3)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});

function bare(event: WatchEvent): WatchEvent {
  const { previous: _, ...rest } = event;
  return rest;
}
