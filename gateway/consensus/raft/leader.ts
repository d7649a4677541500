import type { RaftFault } from './errors.ts';
import { newMessage } from './message.ts';
import { propose } from './proposals.ts';
import type { Raft } from './raft.ts';
import { acknowledgeRead, handleReadIndex, releaseEarlyReads } from './reads.ts';
import { broadcastAppend, broadcastHeartbeat, maybeCommit, maybeSendAppend, sendAppend } from './replication.ts';
import type { Progress } from './tracker/index.ts';
import { becomeFollower } from './transitions.ts';
import { type Message, NONE } from './types.ts';

/** A message of this term, or of none, at the leader. */
export function stepLeader(raft: Raft, message: Message): RaftFault | undefined {
  switch (message.type) {
    case 'MsgBeat':
      broadcastHeartbeat(raft, raft.readOnly.lastContext());
      return undefined;
    case 'MsgCheckQuorum':
      checkQuorum(raft);
      return undefined;
    case 'MsgProp':
      return propose(raft, message);
    case 'MsgReadIndex':
      handleReadIndex(raft, message);
      return undefined;
    default: {
      const progress = raft.tracker.progress.get(message.from);
      if (progress === undefined) raft.onLog?.('debug', `${raft.id} knows no member ${message.from}`);
      else stepAboutMember(raft, message, progress);
      return undefined;
    }
  }
}

function stepAboutMember(raft: Raft, message: Message, progress: Progress): void {
  switch (message.type) {
    case 'MsgAppResp':
      progress.recentActive = true;
      if (message.reject) handleAppendRejected(raft, message, progress);
      else handleAppendAccepted(raft, message, progress);
      return;
    case 'MsgHeartbeatResp':
      progress.recentActive = true;
      progress.msgAppFlowPaused = false;
      // Even one whose window is full gets an empty append here, and one that is probed may return to streaming by it.
      if (progress.match < raft.log.lastIndex() || progress.state === 'StateProbe') sendAppend(raft, message.from);
      acknowledgeRead(raft, message);
      return;
    case 'MsgSnapStatus':
      handleSnapshotStatus(raft, message, progress);
      return;
    case 'MsgUnreachable':
      // An append is likely to be lost, so streaming on would send what cannot be taken in.
      if (progress.state === 'StateReplicate') progress.becomeProbe();
      raft.onLog?.('debug', `${raft.id} cannot reach ${message.from} [${progress}]`);
      return;
    case 'MsgTransferLeader':
      transferLeader(raft, message.from, progress);
      return;
    default:
      return;
  }
}

function handleAppendAccepted(raft: Raft, message: Message, progress: Progress): void {
  const { from, index } = message;
  // An answer with nothing new still matters to a member that is probed: the logs match, so it may stream again.
  if (!progress.maybeUpdate(index) && !(progress.match === index && progress.state === 'StateProbe')) return;
  switch (progress.state) {
    case 'StateProbe':
      progress.becomeReplicate();
      break;
    case 'StateSnapshot':
      // Whichever snapshot it took in, it is enough if the log goes on from there.
      if (progress.match + 1 >= raft.log.firstIndex()) {
        progress.becomeProbe();
        progress.becomeReplicate();
      }
      break;
    case 'StateReplicate':
      progress.inflights.freeUpTo(index);
      break;
  }
  const isOther = from !== raft.id;
  if (maybeCommit(raft)) {
    releaseEarlyReads(raft);
    broadcastAppend(raft);
  } else if (isOther && progress.canBumpCommit(raft.log.committed)) {
    // It may not know of the newest commit; the next heartbeat would tell it, only later.
    sendAppend(raft, from);
  }
  if (!isOther) return;
  // The window may have opened for more than one message.
  while (maybeSendAppend(raft, from, false));
  if (from === raft.leadTransferee && progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, from);
}

function handleAppendRejected(raft: Raft, message: Message, progress: Progress): void {
  const { from, index, rejectHint, logTerm } = message;
  raft.onLog?.('debug', `${raft.id} was refused an append after ${index} by ${from}, hint ${logTerm}/${rejectHint}`);
  /*
   * The hint says: at rejectHint the follower has an entry of logTerm, and nothing of a higher term before it. So where
   * the leader's own log has a higher term than that the two cannot match, and one probe per term is enough:
   *
   *   index      1 2 3 4 5 6 7 8 9
   *   leader     1 3 3 3 5 5 5 5 5
   *   follower   1 1 1 1 2 2          hint 2/6: the next probe is at 1, not at 6.
   */
  const nextProbe = logTerm > 0 ? raft.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint;
  if (!progress.maybeDecrTo(index, nextProbe)) return;
  if (progress.state === 'StateReplicate') progress.becomeProbe();
  sendAppend(raft, from);
}

function handleSnapshotStatus(raft: Raft, message: Message, progress: Progress): void {
  if (progress.state !== 'StateSnapshot') return;
  // First, or it would be probed from the snapshot that it never got.
  if (message.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // After a success it answers with MsgAppResp, after a failure the next heartbeat is soon enough to try again.
  progress.msgAppFlowPaused = true;
  raft.onLog?.(
    'debug',
    `${raft.id} snapshot to ${message.from} ${message.reject ? 'failed' : 'arrived'} [${progress}]`,
  );
}

/** A leader that a majority has not answered since the last check may have been replaced without knowing. */
function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) {
    raft.onLog?.('warn', `${raft.id} stepped down to follower since quorum is not active`);
    becomeFollower(raft, raft.term, NONE);
  }
  for (const [id, progress] of raft.tracker.progress) {
    if (id !== raft.id) progress.recentActive = false;
  }
}

/** Brings the member up to date, then asks it to stand for election at once (Raft thesis, section 3.10). */
function transferLeader(raft: Raft, to: number, progress: Progress): void {
  if (progress.isLearner || to === raft.leadTransferee) {
    raft.onLog?.('debug', `${raft.id} ignores the transfer to ${to}: it is a learner, or under way already`);
    return;
  }
  // Another transfer that is under way ends by this, even if the new one comes to nothing.
  raft.leadTransferee = NONE;
  if (to === raft.id) return;
  raft.onLog?.('info', `${raft.id} starts to transfer leadership to ${to} at term ${raft.term}`);
  // It has one election timeout for it; see tick.
  raft.electionElapsed = 0;
  raft.leadTransferee = to;
  if (progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, to);
  else sendAppend(raft, to);
}

function sendTimeoutNow(raft: Raft, to: number): void {
  raft.send(newMessage('MsgTimeoutNow', to));
}
