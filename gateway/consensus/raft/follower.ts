import { hup } from './election.ts';
import type { RaftFault } from './errors.ts';
import type { Raft } from './raft.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './receive.ts';
import { type Message, NONE } from './types.ts';

/** A message of this term, or of none, at a follower. */
export function stepFollower(raft: Raft, message: Message): RaftFault | undefined {
  switch (message.type) {
    case 'MsgProp':
      if (raft.lead === NONE || raft.config.disableProposalForwarding) {
        raft.onLog?.('info', `${raft.id} drops a proposal at term ${raft.term}: it may hand it to no leader`);
        return 'proposalDropped';
      }
      handToLeader(raft, message);
      return undefined;
    case 'MsgApp':
      hearFromLeader(raft, message);
      handleAppend(raft, message);
      return undefined;
    case 'MsgHeartbeat':
      hearFromLeader(raft, message);
      handleHeartbeat(raft, message);
      return undefined;
    case 'MsgSnap':
      hearFromLeader(raft, message);
      handleSnapshot(raft, message);
      return undefined;
    case 'MsgTransferLeader':
    case 'MsgReadIndex':
      if (raft.lead === NONE) raft.onLog?.('info', `${raft.id} drops ${message.type} at term ${raft.term}: no leader`);
      else handToLeader(raft, message);
      return undefined;
    case 'MsgReadIndexResp':
      raft.readStates.push({ index: message.index, requestContext: message.context ?? new Uint8Array(0) });
      return undefined;
    case 'MsgForgetLeader':
      forgetLeader(raft);
      return undefined;
    case 'MsgTimeoutNow':
      raft.onLog?.('info', `${raft.id} starts an election since ${message.from} hands over its leadership`);
      // Without a pre-vote, whatever the configuration: that it can win is known.
      hup(raft, 'CampaignTransfer');
      return undefined;
    default:
      return undefined;
  }
}

function hearFromLeader(raft: Raft, message: Message): void {
  raft.electionElapsed = 0;
  raft.lead = message.from;
}

/** A copy, since the message may be somebody else's still. */
function handToLeader(raft: Raft, message: Message): void {
  raft.send({ ...message, to: raft.lead });
}

/** A leader that leases its reads relies on its followers to hold to it. */
function forgetLeader(raft: Raft): void {
  if (raft.config.readOnlyOption === 'ReadOnlyLeaseBased') {
    raft.onLog?.('error', `${raft.id} does not forget its leader, since reads are lease based`);
    return;
  }
  if (raft.lead === NONE) return;
  raft.onLog?.('info', `${raft.id} forgets leader ${raft.lead} at term ${raft.term}`);
  raft.lead = NONE;
}
