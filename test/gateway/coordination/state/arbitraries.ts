import fc from 'fast-check';
import type { Command } from '../../../../gateway/coordination/state/index.ts';
import type { Compare, KeyRange, Operation } from '../../../../gateway/coordination/types.ts';

/** Few keys, so that they collide; among them those whose order in UTF-8 is not that of UTF-16. */
export const KEYS = ['a', 'a/1', 'a/2', 'ab', 'b', 'b/\u{1f600}', 'b/\uffee', 'c'];
export const LEASES = ['l1', 'l2', 'l3'];

const key = fc.constantFrom(...KEYS);
const value = fc.constantFrom('', 'x', 'y', '\u{1f600}');
const leaseId = fc.constantFrom('', '', '', ...LEASES);
const comparison = fc.constantFrom('=', '!=', '<', '>');

export const range: fc.Arbitrary<KeyRange> = fc.oneof(
  key.map((only) => ({ key: only })),
  fc.constantFrom('', 'a', 'a/', 'b/', 'z').map((prefix) => ({ prefix })),
  fc.tuple(key, key).map(([from, to]) => ({ from, to })),
);

const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({
    key,
    target: fc.constantFrom('version', 'createRevision', 'modRevision'),
    op: comparison,
    value: fc.integer({ min: 0, max: 12 }),
  }),
  fc.record({ key, target: fc.constant('value'), op: comparison, value }),
  fc.record({ key, target: fc.constant('leaseId'), op: fc.constantFrom('=', '!='), value: leaseId }),
);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('put'), key, value, leaseId }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('delete'), range }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('get'), range }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('get'), range, limit: fc.integer({ min: 1, max: 3 }) }) },
);

export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('put'), key, value, leaseId }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete'), range }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('transaction'),
      compare: fc.array(compare, { maxLength: 2 }),
      success: fc.array(operation, { maxLength: 4 }),
      failure: fc.array(operation, { maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('lease-grant'),
      leaseId: fc.constantFrom(...LEASES),
      ttlMs: fc.integer({ min: 1_000, max: 9_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('lease-revoke'), leaseId: fc.constantFrom(...LEASES) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('compact'), revision: fc.integer({ min: 1, max: 25 }) }) },
);
