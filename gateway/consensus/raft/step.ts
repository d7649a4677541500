import { stepCandidate } from './candidate.ts';
import { handleVoteRequest, hup, isTransferVote } from './election.ts';
import type { RaftFault } from './errors.ts';
import { stepFollower } from './follower.ts';
import { stepLeader } from './leader.ts';
import { localMessage, newMessage } from './message.ts';
import type { Raft } from './raft.ts';
import { reduceUncommittedBytes } from './replication.ts';
import { entriesBytes, payloadBytes } from './size.ts';
import { becomeFollower } from './transitions.ts';
import { type Entry, type Message, NONE, type Snapshot } from './types.ts';

/** Takes in one message. What comes of it is in the messages, the log and the state of the member. */
export function step(raft: Raft, message: Message): RaftFault | undefined {
  // Term 0 is a message within the member, or one of no term.
  if (message.term > raft.term) {
    if (!meetHigherTerm(raft, message)) return undefined;
  } else if (message.term !== 0 && message.term < raft.term) {
    meetLowerTerm(raft, message);
    return undefined;
  }
  switch (message.type) {
    case 'MsgHup':
      hup(raft, raft.config.preVote ? 'CampaignPreElection' : 'CampaignElection');
      return undefined;
    case 'MsgVote':
    case 'MsgPreVote':
      handleVoteRequest(raft, message);
      return undefined;
    case 'MsgStorageAppendResp':
      if (message.index !== 0) raft.log.unstable.stableTo(message.index, message.logTerm);
      if (message.snapshot !== undefined) snapshotApplied(raft, message.snapshot);
      return undefined;
    case 'MsgStorageApplyResp':
      if (message.entries.length > 0) entriesApplied(raft, message.entries);
      return undefined;
    default:
      return stepRole(raft, message);
  }
}

function stepRole(raft: Raft, message: Message): RaftFault | undefined {
  switch (raft.role) {
    case 'StateFollower':
      return stepFollower(raft, message);
    case 'StatePreCandidate':
    case 'StateCandidate':
      return stepCandidate(raft, message);
    case 'StateLeader':
      return stepLeader(raft, message);
  }
}

/** Steps into the message's term (Raft, section 5.1), unless that would disturb a leader. False when it is ignored. */
function meetHigherTerm(raft: Raft, message: Message): boolean {
  const { type, term, from } = message;
  if ((type === 'MsgVote' || type === 'MsgPreVote') && isInLease(raft) && !isTransferVote(message)) {
    raft.onLog?.('info', `${raft.id} ignored ${type} of ${from} at term ${term}: it hears of leader ${raft.lead}`);
    return false;
  }
  // A pre-vote asks about a term that nobody is in yet, and a granted one answers for it.
  if (type === 'MsgPreVote' || (type === 'MsgPreVoteResp' && !message.reject)) return true;
  raft.onLog?.('info', `${raft.id} at term ${raft.term} received ${type} of higher term ${term} from ${from}`);
  const isLeaders = type === 'MsgApp' || type === 'MsgHeartbeat' || type === 'MsgSnap';
  becomeFollower(raft, term, isLeaders ? from : NONE);
  return true;
}

/** Whether it has heard of its leader for less than the shortest election timeout (Raft thesis, section 4.2.3). */
function isInLease(raft: Raft): boolean {
  return raft.config.checkQuorum && raft.lead !== NONE && raft.electionElapsed < raft.config.electionTick;
}

/** What comes from an earlier term is ignored, but some senders have to learn that they are behind. */
function meetLowerTerm(raft: Raft, message: Message): void {
  const { type, term, from } = message;
  if ((raft.config.checkQuorum || raft.config.preVote) && (type === 'MsgHeartbeat' || type === 'MsgApp')) {
    // This member's term is ahead, by an election that it could not win. With these two options its requests for votes
    // are not listened to, so without this answer it would stay shut out: it makes the leader step down.
    raft.send(newMessage('MsgAppResp', from));
  } else if (type === 'MsgPreVote') {
    // Else a group could hang in which the one with the higher term has the shorter log, as after an upgrade to pre-votes.
    const response = newMessage('MsgPreVoteResp', from);
    response.term = raft.term;
    response.reject = true;
    raft.send(response);
  } else if (type === 'MsgStorageAppendResp' && message.snapshot !== undefined) {
    // Its entries may have been overwritten since; see storage-messages. A snapshot is committed, whatever the term.
    snapshotApplied(raft, message.snapshot);
  } else {
    raft.onLog?.('info', `${raft.id} at term ${raft.term} ignored ${type} of lower term ${term} from ${from}`);
  }
}

/** One tick of the logical clock: elections and heartbeats come of these alone. */
export function tick(raft: Raft): void {
  raft.electionElapsed++;
  if (raft.role === 'StateLeader') tickLeader(raft);
  else if (raft.promotable && raft.electionElapsed >= raft.randomizedElectionTimeout) {
    raft.electionElapsed = 0;
    step(raft, localMessage('MsgHup', raft.id));
  }
}

function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed++;
  if (raft.electionElapsed >= raft.config.electionTick) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum) step(raft, localMessage('MsgCheckQuorum', raft.id));
    // A transfer that took an election timeout has failed; proposals are taken in again.
    raft.leadTransferee = NONE;
  }
  if (raft.role === 'StateLeader' && raft.heartbeatElapsed >= raft.config.heartbeatTick) {
    raft.heartbeatElapsed = 0;
    step(raft, localMessage('MsgBeat', raft.id));
  }
}

function snapshotApplied(raft: Raft, { metadata }: Snapshot): void {
  raft.log.unstable.stableSnapshotTo(metadata.index);
  appliedTo(raft, metadata.index, 0);
}

function entriesApplied(raft: Raft, entries: readonly Entry[]): void {
  appliedTo(raft, entries[entries.length - 1]!.index, entriesBytes(entries));
  reduceUncommittedBytes(raft, payloadBytes(entries));
}

function appliedTo(raft: Raft, index: number, bytes: number): void {
  const applied = Math.max(index, raft.log.applied);
  raft.log.appliedTo(applied, bytes);
  if (!raft.tracker.config.autoLeave || applied < raft.pendingConfIndex || raft.role !== 'StateLeader') return;
  // The joint configuration is in effect here, so it can be left. Dropped while leadership is handed over: then whoever
  // leads next does it, or this one with the next entry that is applied.
  const leave = localMessage('MsgProp', raft.id);
  leave.entries = [{ term: 0, index: 0, type: 'EntryConfChangeV2', data: new Uint8Array(0) }];
  if (step(raft, leave) === undefined) raft.onLog?.('info', `${raft.id} leaves the joint configuration`);
}
