import { RaftInvariantError } from './errors.ts';
import {
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type MessageType,
  NONE,
  type NodeId,
} from './types.ts';

const NO_ENTRIES: Entry[] = [];

/** A message with nothing set but its type and addressee. All are made here, so that they have one hidden class. */
export function newMessage(type: MessageType, to: NodeId): Message {
  return {
    type,
    to,
    from: NONE,
    term: 0,
    logTerm: 0,
    index: 0,
    entries: NO_ENTRIES,
    commit: 0,
    vote: NONE,
    reject: false,
    rejectHint: 0,
  };
}

/** A message that a member steps itself with. */
export function localMessage(type: MessageType, from: NodeId): Message {
  const message = newMessage(type, NONE);
  message.from = from;
  return message;
}

/** Whether this type is made only within a member, so that the network must not bring it. */
export function isLocalMessage(type: MessageType): boolean {
  switch (type) {
    case 'MsgHup':
    case 'MsgBeat':
    case 'MsgUnreachable':
    case 'MsgSnapStatus':
    case 'MsgCheckQuorum':
    case 'MsgStorageAppend':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApply':
    case 'MsgStorageApplyResp':
      return true;
    default:
      return false;
  }
}

/** Whether this type answers a request, so that its sender must be a member. */
export function isResponseMessage(type: MessageType): boolean {
  switch (type) {
    case 'MsgAppResp':
    case 'MsgVoteResp':
    case 'MsgHeartbeatResp':
    case 'MsgUnreachable':
    case 'MsgReadIndexResp':
    case 'MsgPreVoteResp':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApplyResp':
      return true;
    default:
      return false;
  }
}

/** Whether the id stands for the member's own storage. */
export function isLocalTarget(id: NodeId): boolean {
  return id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}

export function voteResponseType(type: MessageType): 'MsgVoteResp' | 'MsgPreVoteResp' {
  if (type === 'MsgVote') return 'MsgVoteResp';
  if (type === 'MsgPreVote') return 'MsgPreVoteResp';
  throw new RaftInvariantError(`${type} is not a request for a vote`);
}
