import { RaftInvariantError } from './errors.ts';
import { newMessage, voteResponseType } from './message.ts';
import type { Raft } from './raft.ts';
import { becomeCandidate, becomePreCandidate } from './transitions.ts';
import { type Message, NONE } from './types.ts';

/** Why there is an election: to learn whether one could be won, to win one, or since the leader asked for it. */
export type CampaignType = 'CampaignPreElection' | 'CampaignElection' | 'CampaignTransfer';

/** Stands in the context of a vote request, so that a voter does not refuse it for the leader that it still hears of. */
const TRANSFER_CONTEXT = new TextEncoder().encode('CampaignTransfer' satisfies CampaignType);

/** Stands for election, unless it leads, may not lead, or has yet to apply a change of the members. */
export function hup(raft: Raft, type: CampaignType): void {
  if (raft.role === 'StateLeader') {
    raft.onLog?.('debug', `${raft.id} does not campaign: it is leader already`);
    return;
  }
  if (!raft.promotable) {
    raft.onLog?.('warn', `${raft.id} is unpromotable and cannot campaign`);
    return;
  }
  // It would count votes by members that are known to be out of date.
  if (hasUnappliedConfChange(raft)) {
    raft.onLog?.('warn', `${raft.id} cannot campaign at term ${raft.term}: a membership change is yet to be applied`);
    return;
  }
  raft.onLog?.('info', `${raft.id} is starting a new election at term ${raft.term}`);
  campaign(raft, type);
}

export function campaign(raft: Raft, type: CampaignType): void {
  const isPre = type === 'CampaignPreElection';
  if (isPre) becomePreCandidate(raft);
  else becomeCandidate(raft);
  const requestType = isPre ? 'MsgPreVote' : 'MsgVote';
  // It asks for the term that it would have, while it has not raised its own yet.
  const term = isPre ? raft.term + 1 : raft.term;
  for (const id of raft.tracker.voterNodes()) {
    if (id === raft.id) {
      // Its own vote counts once it is on disk, so it is an answer to itself.
      const ownVote = newMessage(voteResponseType(requestType), id);
      ownVote.term = term;
      raft.send(ownVote);
      continue;
    }
    const request = newMessage(requestType, id);
    request.term = term;
    request.index = raft.log.lastIndex();
    request.logTerm = raft.log.lastTerm();
    if (type === 'CampaignTransfer') request.context = TRANSFER_CONTEXT;
    raft.onLog?.(
      'info',
      `${raft.id} [log ${request.logTerm}/${request.index}] sent ${requestType} to ${id} at term ${raft.term}`,
    );
    raft.send(request);
  }
}

/** Whether a request for a vote comes of a leadership transfer. */
export function isTransferVote(message: Message): boolean {
  const context = message.context;
  if (context?.length !== TRANSFER_CONTEXT.length) return false;
  return TRANSFER_CONTEXT.every((byte, at) => context[at] === byte);
}

/**
 * Answers a request for a vote, of this term or, for a pre-vote, of one to come: once in a term, first come, first served,
 * and only to a log at least as complete (Raft, 5.2 and 5.4.1). A learner votes too: whoever asks may know better than it
 * that it is a voter by now.
 */
export function handleVoteRequest(raft: Raft, message: Message): void {
  const isPre = message.type === 'MsgPreVote';
  const canVote =
    raft.vote === message.from || (raft.vote === NONE && raft.lead === NONE) || (isPre && message.term > raft.term);
  const grants = canVote && raft.log.isUpToDate(message.index, message.logTerm);
  raft.onLog?.(
    'info',
    `${raft.id} [log ${raft.log.lastTerm()}/${raft.log.lastIndex()}, vote ${raft.vote}] ` +
      `${grants ? 'cast' : 'rejected'} ${message.type} for ${message.from} ` +
      `[log ${message.logTerm}/${message.index}] at term ${raft.term}`,
  );
  const response = newMessage(voteResponseType(message.type), message.from);
  response.reject = !grants;
  // A granted pre-vote is of the term that was asked for; with the voter's own the candidate would take it for an old one.
  response.term = grants ? message.term : raft.term;
  raft.send(response);
  if (grants && !isPre) {
    raft.electionElapsed = 0;
    raft.vote = message.from;
  }
}

function hasUnappliedConfChange(raft: Raft): boolean {
  const { log } = raft;
  for (let low = log.applied + 1; low <= log.committed; ) {
    const page = log.slice(low, log.committed + 1, raft.config.maxCommittedSizePerReady);
    if (page === undefined || page.length === 0) {
      throw new RaftInvariantError(`entry ${low} was compacted before it was applied`);
    }
    if (page.some(({ type }) => type !== 'EntryNormal')) return true;
    low += page.length;
  }
  return false;
}
