import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Changer,
  formatConfChanges,
  parseConfChanges,
  restore,
} from '../../../../../gateway/consensus/raft/confchange/index.ts';
import { ProgressTracker } from '../../../../../gateway/consensus/raft/tracker/index.ts';
import type { ConfChangeSingle, ConfChangeType, ConfState } from '../../../../../gateway/consensus/raft/types.ts';

const change = fc.record<ConfChangeSingle>({
  type: fc.constantFrom<ConfChangeType>('ConfChangeAddNode', 'ConfChangeRemoveNode', 'ConfChangeAddLearnerNode'),
  nodeId: fc.integer({ min: 1, max: 6 }),
});

describe('restore', () => {
  it('leads to the members of whatever state a group can get into, joint or not', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 8 }),
        fc.array(change, { maxLength: 8 }),
        fc.boolean(),
        (first, then, autoLeave) => {
          const tracker = new ProgressTracker(10, 0);
          tracker.setMembers(new Changer(tracker, 4).simple(parseConfChanges('v1')));
          // Changes that would leave no voters are refused, and then there is no such state.
          attempt(() => tracker.setMembers(new Changer(tracker, 4).enterJoint(false, first)));
          attempt(() => tracker.setMembers(new Changer(tracker, 4).leaveJoint()));
          expectRestored(tracker.confState());
          attempt(() => tracker.setMembers(new Changer(tracker, 4).enterJoint(autoLeave, then)));
          expectRestored(tracker.confState());
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('keeps learners that wait for the outgoing half to be left', () => {
    const confState = {
      voters: [1, 2, 3],
      learners: [5],
      votersOutgoing: [1, 2, 4, 6],
      learnersNext: [4],
      autoLeave: true,
    };
    expectRestored(confState);
  });
});

describe('the notation of changes', () => {
  it('is read as it is written', () => {
    expect(formatConfChanges(parseConfChanges(' v1 l20\nr3  u4 '))).toBe('v1 l20 r3 u4');
    expect(parseConfChanges('')).toEqual([]);
  });

  it.each(['x1', 'v', 'v-1', '1', 'v1,v2'])('refuses %s', (text) => {
    expect(() => parseConfChanges(text)).toThrow(`"${text}" is no change`);
  });
});

function expectRestored(confState: ConfState): void {
  const tracker = new ProgressTracker(10, 0);
  restore(tracker, confState, 20);
  expect(tracker.confState()).toEqual(confState);
}

function attempt(change: () => void): void {
  try {
    change();
  } catch (error) {
    expect(error).toMatchObject({ code: 'MEMBER_CHANGE_REFUSED' });
  }
}
