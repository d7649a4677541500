import type { ProgressTracker } from '../tracker/index.ts';
import type { ConfChangeSingle, ConfChangeType, ConfState, NodeId } from '../types.ts';
import { Changer } from './changer.ts';

/**
 * Puts the members that a snapshot names into an empty tracker, by the changes that would have led there. lastIndex as for
 * Changer. Throws MEMBER_CHANGE_REFUSED where it names learners and no voters. After etcd-io/raft, confchange/restore.go.
 */
export function restore(tracker: ProgressTracker, confState: ConfState, lastIndex: number): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const simple = (change: ConfChangeSingle): void => {
    tracker.setMembers(new Changer(tracker, lastIndex).simple([change]));
  };
  const incoming = [
    ...each('ConfChangeRemoveNode', votersOutgoing),
    ...each('ConfChangeAddNode', voters),
    ...each('ConfChangeAddLearnerNode', learners),
    ...each('ConfChangeAddLearnerNode', learnersNext),
  ];
  if (votersOutgoing.length === 0) {
    for (const change of incoming) simple(change);
    return;
  }
  // The outgoing half is built first, so that entering the joint configuration makes it the one to leave.
  for (const change of each('ConfChangeAddNode', votersOutgoing)) simple(change);
  tracker.setMembers(new Changer(tracker, lastIndex).enterJoint(autoLeave, incoming));
}

function each(type: ConfChangeType, ids: readonly NodeId[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }));
}
