import { campaign } from './election.ts';
import type { RaftFault } from './errors.ts';
import type { Raft } from './raft.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './receive.ts';
import { broadcastAppend } from './replication.ts';
import { becomeFollower, becomeLeader } from './transitions.ts';
import { type Message, NONE } from './types.ts';

/** A message of this term, or of none, at a candidate or a pre-candidate. */
export function stepCandidate(raft: Raft, message: Message): RaftFault | undefined {
  switch (message.type) {
    case 'MsgProp':
      raft.onLog?.('info', `${raft.id} drops a proposal at term ${raft.term}: no leader`);
      return 'proposalDropped';
    // Whoever sends these has won the election of this term.
    case 'MsgApp':
      becomeFollower(raft, message.term, message.from);
      handleAppend(raft, message);
      return undefined;
    case 'MsgHeartbeat':
      becomeFollower(raft, message.term, message.from);
      handleHeartbeat(raft, message);
      return undefined;
    case 'MsgSnap':
      becomeFollower(raft, message.term, message.from);
      handleSnapshot(raft, message);
      return undefined;
    case 'MsgPreVoteResp':
      if (raft.role === 'StatePreCandidate') countVote(raft, message);
      return undefined;
    case 'MsgVoteResp':
      if (raft.role === 'StateCandidate') countVote(raft, message);
      return undefined;
    default:
      return undefined;
  }
}

function countVote(raft: Raft, message: Message): void {
  raft.tracker.recordVote(message.from, !message.reject);
  const { granted, rejected, result } = raft.tracker.tallyVotes();
  raft.onLog?.('info', `${raft.id} has ${granted} votes and ${rejected} rejections of ${message.type}`);
  switch (result) {
    case 'VoteWon':
      if (raft.role === 'StatePreCandidate') {
        campaign(raft, 'CampaignElection');
      } else {
        becomeLeader(raft);
        broadcastAppend(raft);
      }
      return;
    case 'VoteLost':
      // Of its own term: an answer to a pre-vote may carry one that it never had.
      becomeFollower(raft, raft.term, NONE);
      return;
    case 'VotePending':
      return;
  }
}
