import {
  type AnyConfChange,
  asConfChangeV2,
  isAutoLeave,
  isEnterJoint,
  isLeaveJoint,
  sameConfState,
} from './conf-change.ts';
import { Changer, restore } from './confchange/index.ts';
import { RaftInvariantError } from './errors.ts';
import type { Raft } from './raft.ts';
import { broadcastAppend, maybeCommit, maybeSendAppend } from './replication.ts';
import { becomeFollower } from './transitions.ts';
import { type ConfState, NONE } from './types.ts';

/** Makes a committed change take effect. Throws MEMBER_CHANGE_REFUSED, and changes nothing, when it does not fit the members. */
export function applyConfChange(raft: Raft, change: AnyConfChange): ConfState {
  const changer = new Changer(raft.tracker, raft.log.lastIndex());
  const general = asConfChangeV2(change);
  if (isLeaveJoint(general)) raft.tracker.setMembers(changer.leaveJoint());
  else if (isEnterJoint(general)) raft.tracker.setMembers(changer.enterJoint(isAutoLeave(general), general.changes));
  else raft.tracker.setMembers(changer.simple(general.changes));
  return takeEffect(raft);
}

/** Replaces the members by those of a storage or a snapshot. */
export function restoreMembers(raft: Raft, confState: ConfState): void {
  raft.tracker = raft.newTracker();
  restore(raft.tracker, confState, raft.log.lastIndex());
  const restored = takeEffect(raft);
  if (!sameConfState(confState, restored)) {
    throw new RaftInvariantError(`members ${JSON.stringify(confState)} came back as ${JSON.stringify(restored)}`);
  }
}

/** The members have changed: a leader commits by them, sends to those who are new, and may not be one any more. */
function takeEffect(raft: Raft): ConfState {
  const { config, progress } = raft.tracker;
  const confState = raft.tracker.confState();
  raft.onLog?.('info', `${raft.id} switched to configuration ${JSON.stringify(confState)}`);

  const own = progress.get(raft.id);
  if (raft.role !== 'StateLeader') return confState;
  if (own === undefined || own.isLearner) {
    // Unless told otherwise it goes on until another is elected: with it stepping down at once nobody would lead meanwhile.
    if (raft.config.stepDownOnRemoval) becomeFollower(raft, raft.term, NONE);
    return confState;
  }
  if (confState.voters.length === 0) return confState;

  if (maybeCommit(raft)) {
    // With fewer to agree more may be committed than before.
    broadcastAppend(raft);
  } else {
    for (const id of progress.keys()) {
      if (id !== raft.id) maybeSendAppend(raft, id, false);
    }
  }
  if (raft.leadTransferee !== NONE && !config.voters.has(raft.leadTransferee)) raft.leadTransferee = NONE;
  return confState;
}
