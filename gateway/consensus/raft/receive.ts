import { RaftInvariantError } from './errors.ts';
import { restoreMembers } from './membership.ts';
import { newMessage } from './message.ts';
import type { Raft } from './raft.ts';
import type { Message, Snapshot } from './types.ts';

/* A follower's side of log replication: what the leader sends is taken in and answered. */

export function handleAppend(raft: Raft, message: Message): void {
  const { log } = raft;
  const response = newMessage('MsgAppResp', message.from);
  if (message.index < log.committed) {
    // An old message: what is committed is the leader's in any case, so it may go on from there.
    response.index = log.committed;
    raft.send(response);
    return;
  }
  const lastNew = log.maybeAppend(message.index, message.logTerm, message.entries, message.commit);
  if (lastNew !== undefined) {
    response.index = lastNew;
    raft.send(response);
    return;
  }
  raft.onLog?.(
    'debug',
    `${raft.id} rejected MsgApp after ${message.logTerm}/${message.index} from ${message.from}: ` +
      `it has term ${log.term(message.index) ?? 'none'} there`,
  );
  // Where the logs may part, so that the leader need not try one index after the other. Beyond the leader's term at its
  // index nothing in this log can match; see findNextProbe for the leader's half.
  const hint = log.findConflictByTerm(Math.min(message.index, log.lastIndex()), message.logTerm);
  response.index = message.index;
  response.reject = true;
  response.rejectHint = hint.index;
  response.logTerm = hint.term;
  raft.send(response);
}

export function handleHeartbeat(raft: Raft, message: Message): void {
  raft.log.commitTo(message.commit);
  const response = newMessage('MsgHeartbeatResp', message.from);
  if (message.context !== undefined) response.context = message.context;
  raft.send(response);
}

export function handleSnapshot(raft: Raft, message: Message): void {
  const { snapshot, from } = message;
  const isRestored = snapshot !== undefined && restoreSnapshot(raft, snapshot);
  raft.onLog?.(
    'info',
    `${raft.id} ${isRestored ? 'restored' : 'ignored'} snapshot ${snapshot?.metadata.index} of ${from}`,
  );
  const response = newMessage('MsgAppResp', from);
  response.index = isRestored ? raft.log.lastIndex() : raft.log.committed;
  raft.send(response);
}

/** Begins anew from a snapshot: log and members. False when it brings nothing, or must not be taken. */
function restoreSnapshot(raft: Raft, snapshot: Snapshot): boolean {
  const { index, term, confState } = snapshot.metadata;
  if (index <= raft.log.committed) return false;
  if (raft.role !== 'StateFollower') throw new RaftInvariantError(`a snapshot came to ${raft.id} in ${raft.role}`);
  // Much rests on a member being among the members that it knows. learnersNext are all in votersOutgoing.
  const isMember = [confState.voters, confState.learners, confState.votersOutgoing].some((ids) =>
    ids.includes(raft.id),
  );
  if (!isMember) {
    raft.onLog?.('warn', `${raft.id} is not in the members of the snapshot ${term}/${index}`);
    return false;
  }
  if (raft.log.matchTerm(index, term)) {
    // It has the entries already, and they are worth more than a snapshot; that they are committed is news.
    raft.log.commitTo(index);
    return false;
  }
  raft.log.restore(snapshot);
  restoreMembers(raft, confState);
  return true;
}
