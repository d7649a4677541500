import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeConfChange, encodeConfChange, RaftInvariantError } from '../../../../gateway/consensus/raft/index.ts';

const type = fc.constantFrom(
  'ConfChangeAddNode' as const,
  'ConfChangeRemoveNode' as const,
  'ConfChangeUpdateNode' as const,
  'ConfChangeAddLearnerNode' as const,
);
const nodeId = fc.maxSafeNat();
const context = fc.uint8Array();
const transition = fc.constantFrom(
  'ConfChangeTransitionAuto' as const,
  'ConfChangeTransitionJointImplicit' as const,
  'ConfChangeTransitionJointExplicit' as const,
);
const one = fc.record({ type, nodeId, context });
const many = fc.record({ transition, changes: fc.array(fc.record({ type, nodeId })), context });

describe('membership changes as data of entries', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.oneof(one, many), (change) => {
        expect(decodeConfChange({ term: 1, index: 1, ...encodeConfChange(change) })).toEqual(change);
      }),
    );
  });

  it('leaving a joint configuration weighs nothing', () => {
    const leave = { transition: 'ConfChangeTransitionAuto' as const, changes: [], context: new Uint8Array(0) };
    expect(encodeConfChange(leave)).toEqual({ type: 'EntryConfChangeV2', data: new Uint8Array(0) });
  });

  it('what is none is refused, cut at any byte', () => {
    const { type: entryType, data } = encodeConfChange({
      transition: 'ConfChangeTransitionAuto',
      changes: [
        { type: 'ConfChangeAddNode', nodeId: 4 },
        { type: 'ConfChangeRemoveNode', nodeId: 5 },
      ],
      context: new Uint8Array(0),
    });
    for (let length = 1; length < data.length; length++) {
      const cut = { term: 1, index: 1, type: entryType, data: data.subarray(0, length) };
      expect(() => decodeConfChange(cut)).toThrow(RaftInvariantError);
    }
    expect(() => decodeConfChange({ term: 1, index: 1, type: 'EntryNormal', data })).toThrow(RaftInvariantError);
    expect(() => decodeConfChange({ term: 1, index: 1, type: 'EntryConfChange', data: data.fill(99) })).toThrow('99');
  });
});
