import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppliedRequests } from '../../../../gateway/coordination/state/applied-requests.ts';
import type { CommandResult } from '../../../../gateway/coordination/state/index.ts';
import { STATE_LIMITS } from '../../../../gateway/coordination/state/limits.ts';

function answer(revision: number): CommandResult {
  return { type: 'noop', revision };
}

function makeRequests(limits: Partial<typeof STATE_LIMITS> = {}) {
  const requests = new AppliedRequests({ ...STATE_LIMITS, ...limits });
  let index = 0;
  const add = (client: string, sequence: number) => requests.add({ client, sequence }, ++index, answer(sequence));
  return { requests, add };
}

describe('AppliedRequests', () => {
  it('knows a request that came before one with a lower number, and not one that did not come', () => {
    const { requests, add } = makeRequests();
    add('a', 5);
    add('a', 3);
    expect(requests.find({ client: 'a', sequence: 5 })).toEqual(answer(5));
    expect(requests.find({ client: 'a', sequence: 3 })).toEqual(answer(3));
    expect(requests.find({ client: 'a', sequence: 4 })).toBeUndefined();
    expect(requests.find({ client: 'b', sequence: 5 })).toBeUndefined();
  });

  it('refuses what is 64 or more behind the highest, whether it came or not', () => {
    const { requests, add } = makeRequests();
    add('a', 1);
    add('a', 64);
    expect(requests.find({ client: 'a', sequence: 1 })).toEqual(answer(1));
    add('a', 66);
    for (const sequence of [1, 2]) {
      expect(requests.find({ client: 'a', sequence })).toMatchObject({ type: 'error', code: 'COORDINATION_REJECTED' });
    }
    expect(requests.find({ client: 'a', sequence: 3 })).toBeUndefined();
  });

  it('forgets the client that was silent longest', () => {
    const { requests, add } = makeRequests({ clientsMax: 2 });
    add('a', 1);
    add('b', 1);
    add('a', 2);
    add('c', 1);
    expect(requests.find({ client: 'b', sequence: 1 })).toBeUndefined();
    expect(requests.find({ client: 'a', sequence: 1 })).toEqual(answer(1));
  });

  it('drops the oldest answers beyond their bytes, but not that the request was applied', () => {
    const { requests, add } = makeRequests({ answerBytesMax: 500 });
    for (let sequence = 1; sequence <= 3; sequence++) add('a', sequence);
    expect(requests.find({ client: 'a', sequence: 1 })).toMatchObject({ type: 'error', code: 'COORDINATION_TIMEOUT' });
    expect(requests.find({ client: 'a', sequence: 2 })).toEqual(answer(2));
  });

  it('goes on from its records as if it had never stopped', () => {
    const request = fc.record({
      client: fc.constantFrom('a', 'b', 'c', 'd'),
      sequence: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 40 }), fc.array(request, { maxLength: 40 }), (before, after) => {
        const limits = { ...STATE_LIMITS, clientsMax: 3, requestsPerClientMax: 4, answerBytesMax: 1_100 };
        const straight = new AppliedRequests(limits);
        before.forEach((id, at) => {
          if (!straight.find(id)) straight.add(id, at + 1, answer(at));
        });
        const restored = new AppliedRequests(limits);
        restored.restore(JSON.parse(JSON.stringify([...straight.records()])));
        after.forEach((id, at) => {
          expect(restored.find(id)).toEqual(straight.find(id));
          if (straight.find(id)) return;
          straight.add(id, before.length + at + 1, answer(at));
          restored.add(id, before.length + at + 1, answer(at));
        });
        expect([...restored.records()]).toEqual([...straight.records()]);
        for (const [, highest, answers] of straight.records()) {
          for (const [sequence] of answers) expect(sequence).toBeGreaterThan(highest - 4);
        }
      }),
    );
  });
});
