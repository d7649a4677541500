import { newMessage } from './message.ts';
import type { Raft } from './raft.ts';
import { broadcastHeartbeat } from './replication.ts';
import { type Message, NONE } from './types.ts';

/*
 * Linearizable reads without a log entry (Raft thesis, section 6.4): the leader notes its commit index, makes sure that it
 * still leads, and whoever has applied that index may answer the read.
 */

/** The leader is asked for a read, by itself or by a follower. */
export function handleReadIndex(raft: Raft, request: Message): void {
  if (raft.readOnly.size + raft.earlyReads.length >= raft.config.maxPendingReads) {
    raft.readsDropped++;
    raft.onLog?.('warn', `${raft.id} drops a read: ${raft.config.maxPendingReads} are waiting`);
  } else if (raft.committedInCurrentTerm) {
    confirmRead(raft, request);
  } else {
    // Even alone: a commit index is not synced, so after a restart it may be behind what was acknowledged before.
    raft.earlyReads.push(request);
  }
}

/** The term has its first commit: the reads that waited for it can begin. */
export function releaseEarlyReads(raft: Raft): void {
  if (raft.earlyReads.length === 0 || !raft.committedInCurrentTerm) return;
  const released = raft.earlyReads;
  raft.earlyReads = [];
  for (const request of released) confirmRead(raft, request);
}

function confirmRead(raft: Raft, request: Message): void {
  if (raft.tracker.isSingleton || raft.config.readOnlyOption === 'ReadOnlyLeaseBased') {
    answerRead(raft, request, raft.log.committed);
    return;
  }
  raft.readOnly.add(request, raft.log.committed);
  raft.readOnly.receiveAck(raft.id, request.context);
  broadcastHeartbeat(raft, request.context);
}

/** A member has answered a heartbeat that carried a read. */
export function acknowledgeRead(raft: Raft, response: Message): void {
  if (raft.config.readOnlyOption !== 'ReadOnlySafe' || !response.context?.length) return;
  const acks = raft.readOnly.receiveAck(response.from, response.context);
  if (acks === undefined || raft.tracker.config.voters.voteResult(acks) !== 'VoteWon') return;
  for (const { request, index } of raft.readOnly.advance(response.context)) answerRead(raft, request, index);
}

/** To the member itself as a read state, to another as a message. */
function answerRead(raft: Raft, request: Message, index: number): void {
  const requestContext = request.context ?? new Uint8Array(0);
  if (request.from === NONE || request.from === raft.id) {
    raft.readStates.push({ index, requestContext });
    return;
  }
  const response = newMessage('MsgReadIndexResp', request.from);
  response.index = index;
  response.context = requestContext;
  raft.send(response);
}
