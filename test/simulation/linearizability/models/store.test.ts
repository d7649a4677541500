import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLinearizableByDefinition } from '../brute-force.ts';
import { checkHistory, type Operation, type StoreInput, type StoreOutput, storeModel } from '../index.ts';

type StoreOperation = Operation<StoreInput, StoreOutput>;

/** One after the other. */
function inTurn(...calls: [StoreInput, StoreOutput | undefined][]): StoreOperation[] {
  return calls.map(([input, output], index) => ({
    process: 1,
    input,
    output,
    invokedAt: 2 * index,
    returnedAt: 2 * index + 1,
  }));
}

const get = (value: string, version: number, revision: number): [StoreInput, StoreOutput] => [
  { op: 'get', key: 'k' },
  { value, version, revision },
];
const put = (value: string, revision?: number): [StoreInput, StoreOutput | undefined] => [
  { op: 'put', key: 'k', value },
  revision === undefined ? undefined : { revision },
];
const cas = (expectedRevision: number, value: string, revision?: number): [StoreInput, StoreOutput | undefined] => [
  { op: 'cas', key: 'k', expectedRevision, value },
  revision === undefined ? undefined : { revision },
];
const remove = (revision?: number): [StoreInput, StoreOutput | undefined] => [
  { op: 'delete', key: 'k' },
  revision === undefined ? undefined : { revision },
];

const right: Record<string, StoreOperation[]> = {
  'a life of a key': inTurn(
    get('', 0, 0),
    put('a', 2),
    get('a', 1, 2),
    cas(2, 'b', 5),
    get('b', 2, 5),
    remove(6),
    get('', 0, 0),
  ),
  'a cas that creates': inTurn(cas(0, 'a', 3), cas(0, 'b', 0), get('a', 1, 3)),
  'a delete of nothing': inTurn(remove(0), put('a', 1), remove(4), remove(0), put('b', 7), get('b', 1, 7)),
  'a lost put, seen later': inTurn(put('a', 2), put('b'), get('b', 2, 9), cas(9, 'c', 10)),
  'a lost put whose revision a cas shows': inTurn(put('a', 2), put('b'), cas(4, 'c', 5), get('c', 3, 5)),
  'a lost put whose revision a cas does not meet': inTurn(put('a', 2), put('b'), cas(3, 'c', 0), get('b', 2, 4)),
  'a lost cas that took effect': inTurn(put('a', 2), cas(2, 'b'), get('b', 2, 3)),
  'a lost cas that did not': inTurn(put('a', 2), cas(2, 'b'), get('a', 1, 2)),
  'a lost delete': inTurn(put('a', 2), remove(), get('', 0, 0), put('b', 4), get('b', 1, 4)),
};

const wrong: Record<string, StoreOperation[]> = {
  'a stale value': inTurn(put('a', 2), put('b', 3), get('a', 1, 2)),
  'a revision that goes back': inTurn(put('a', 5), put('b', 4)),
  'a revision that is used again after a delete': inTurn(put('a', 5), remove(6), put('b', 6)),
  'a modRevision that nobody was given': inTurn(put('a', 5), get('a', 1, 6)),
  'a wrong version': inTurn(put('a', 5), put('b', 6), get('b', 1, 6)),
  'a cas that succeeds on an old revision': inTurn(put('a', 2), put('b', 3), cas(2, 'c', 4)),
  'a cas that is refused without reason': inTurn(put('a', 2), cas(2, 'b', 0)),
  'a lost update': inTurn(put('a', 2), cas(2, 'b', 3), cas(2, 'c', 4)),
  'a delete that finds nothing': inTurn(put('a', 2), remove(0)),
  'a revision that a refused cas ruled out': inTurn(
    put('a', 2),
    put('b'),
    cas(2, 'c', 0),
    cas(3, 'c', 0),
    get('b', 2, 3),
  ),
  'the same, ruled out above the least': inTurn(put('a', 2), put('b'), cas(2, 'c', 0), cas(4, 'c', 0), get('b', 2, 4)),
  'a put at the revision that refused ones leave to the one before': inTurn(
    put('a', 2),
    put('b'),
    cas(2, 'c', 0),
    cas(3, 'c', 0),
    put('d', 4),
  ),
  'a put too soon after one of unknown revision that was seen': inTurn(put('a', 2), put('b'), cas(4, 'c', 4)),
};

describe('the model of a store with revisions', () => {
  it.each(Object.entries(right))('takes %s', (_, operations) => {
    expect(checkHistory(storeModel, operations)).toBe('linearizable');
  });

  it.each(Object.entries(wrong))('refuses %s', (_, operations) => {
    expect(checkHistory(storeModel, operations)).toBe('not-linearizable');
  });

  it('is searched as the definition says', () => {
    const revision = fc.integer({ min: 0, max: 4 });
    const value = fc.constantFrom('a', 'b');
    const call = fc.oneof(
      fc
        .tuple(value, revision, revision)
        .map(([text, version, at]) => get(version * at === 0 ? '' : text, at && version, version && at)),
      fc.tuple(value, revision).map(([text, at]) => put(text, at || undefined)),
      fc.tuple(revision, value, revision).map(([expected, text, at]) => cas(expected, text, at === 4 ? undefined : at)),
      revision.map((at) => remove(at === 4 ? undefined : at)),
    );
    const span = fc.tuple(call, fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 4 }));
    let linearizable = 0;
    fc.assert(
      fc.property(fc.array(span, { maxLength: 5 }), (spans) => {
        const operations = spans.map(([[input, output], from, length]) => ({
          process: 1,
          input,
          output,
          invokedAt: from,
          returnedAt: from + length,
        }));
        const expected = isLinearizableByDefinition(storeModel, operations);
        if (expected) linearizable += 1;
        return checkHistory(storeModel, operations) === (expected ? 'linearizable' : 'not-linearizable');
      }),
      { numRuns: 3_000 },
    );
    expect(linearizable).toBeGreaterThan(100);
  });
});
