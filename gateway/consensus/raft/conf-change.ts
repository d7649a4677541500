import type { ConfChange, ConfChangeV2, ConfState, NodeId } from './types.ts';

/** Whichever form a change of the members was made in. */
export type AnyConfChange = ConfChange | ConfChangeV2;

/** A change of one member as the general form. */
export function asConfChangeV2(change: AnyConfChange): ConfChangeV2 {
  if ('changes' in change) return change;
  return {
    transition: 'ConfChangeTransitionAuto',
    changes: [{ type: change.type, nodeId: change.nodeId }],
    context: change.context,
  };
}

/** An empty change, whatever its context, leaves a joint configuration. */
export function isLeaveJoint(change: ConfChangeV2): boolean {
  return change.transition === 'ConfChangeTransitionAuto' && change.changes.length === 0;
}

/** Whether the change goes through a joint configuration: when it was asked to, or cannot do without. */
export function isEnterJoint(change: ConfChangeV2): boolean {
  return change.transition !== 'ConfChangeTransitionAuto' || change.changes.length > 1;
}

/** Whether the joint configuration that it enters is left without being asked. */
export function isAutoLeave(change: ConfChangeV2): boolean {
  return change.transition !== 'ConfChangeTransitionJointExplicit';
}

/** The same members in the same parts, in whatever order they are listed. */
export function sameConfState(a: ConfState, b: ConfState): boolean {
  return (
    sameIds(a.voters, b.voters) &&
    sameIds(a.learners, b.learners) &&
    sameIds(a.votersOutgoing, b.votersOutgoing) &&
    sameIds(a.learnersNext, b.learnersNext) &&
    a.autoLeave === b.autoLeave
  );
}

function sameIds(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}
