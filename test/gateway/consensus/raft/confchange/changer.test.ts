import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Changer, parseConfChanges } from '../../../../../gateway/consensus/raft/confchange/index.ts';
import {
  describeConfig,
  describeProgressMap,
  type Members,
  ProgressTracker,
} from '../../../../../gateway/consensus/raft/tracker/index.ts';
import type { ConfChangeSingle, ConfChangeType } from '../../../../../gateway/consensus/raft/types.ts';

const LAST_INDEX = 4;

/** Member 1 stays a voter, so that no change is refused for leaving none. */
const change = fc.record<ConfChangeSingle>({
  type: fc.constantFrom<ConfChangeType>(
    'ConfChangeAddNode',
    'ConfChangeRemoveNode',
    'ConfChangeUpdateNode',
    'ConfChangeAddLearnerNode',
  ),
  nodeId: fc.integer({ min: 2, max: 9 }),
});
const changes = fc.array(change, { maxLength: 9 });

describe('Changer', () => {
  it('comes to the same members at once, by a joint configuration, as one change after the other', () => {
    fc.assert(
      fc.property(changes, changes, fc.boolean(), (before, then, autoLeave) => {
        const [one, other] = [groupOf(before), groupOf(before)];
        one.setMembers(new Changer(one, LAST_INDEX).enterJoint(autoLeave, then));
        one.setMembers(new Changer(one, LAST_INDEX).leaveJoint());
        for (const single of then) other.setMembers(new Changer(other, LAST_INDEX).simple([single]));
        expect(textOf(one)).toBe(textOf(other));
      }),
      { numRuns: 1000 },
    );
  });

  it('leaves the tracker as it is', () => {
    const tracker = groupOf(parseConfChanges('v2 l3'));
    const before = textOf(tracker);
    new Changer(tracker, LAST_INDEX).enterJoint(true, parseConfChanges('l1 v4 r2 v3'));
    expect(textOf(tracker)).toBe(before);
    expect(() => new Changer(tracker, LAST_INDEX).simple(parseConfChanges('r1 r2'))).toThrow('removed all voters');
    expect(textOf(tracker)).toBe(before);
  });

  it('shares the messages on their way with the members before, since they still are', () => {
    const tracker = groupOf(parseConfChanges('v2'));
    tracker.progress.get(2)!.becomeReplicate();
    tracker.progress.get(2)!.sentEntries(1, 1);
    tracker.setMembers(new Changer(tracker, LAST_INDEX).simple(parseConfChanges('v3')));
    tracker.progress.get(2)!.sentEntries(1, 1);
    expect(`${tracker.progress.get(2)}`).toBe('StateReplicate match=0 next=3 inflight=2');
  });
});

function groupOf(changes: readonly ConfChangeSingle[]): ProgressTracker {
  const tracker = new ProgressTracker(10, 0);
  for (const single of [...parseConfChanges('v1'), ...changes]) {
    tracker.setMembers(new Changer(tracker, LAST_INDEX).simple([single]));
  }
  return tracker;
}

function textOf({ config, progress }: Members): string {
  return `${describeConfig(config)}\n${describeProgressMap(progress)}`;
}
