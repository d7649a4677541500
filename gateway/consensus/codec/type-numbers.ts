import type { EntryType, MessageType } from '../raft/types.ts';

/** What stands on the wire and on disk for each type: the numbers of raftpb (go.etcd.io/raft, raft.proto). Never changed. */
const MESSAGE_TYPE_NUMBERS: Record<MessageType, number> = {
  MsgHup: 0,
  MsgBeat: 1,
  MsgProp: 2,
  MsgApp: 3,
  MsgAppResp: 4,
  MsgVote: 5,
  MsgVoteResp: 6,
  MsgSnap: 7,
  MsgHeartbeat: 8,
  MsgHeartbeatResp: 9,
  MsgUnreachable: 10,
  MsgSnapStatus: 11,
  MsgCheckQuorum: 12,
  MsgTransferLeader: 13,
  MsgTimeoutNow: 14,
  MsgReadIndex: 15,
  MsgReadIndexResp: 16,
  MsgPreVote: 17,
  MsgPreVoteResp: 18,
  MsgStorageAppend: 19,
  MsgStorageAppendResp: 20,
  MsgStorageApply: 21,
  MsgStorageApplyResp: 22,
  MsgForgetLeader: 23,
};

const ENTRY_TYPE_NUMBERS: Record<EntryType, number> = { EntryNormal: 0, EntryConfChange: 1, EntryConfChangeV2: 2 };

export const messageTypeNumber = (type: MessageType): number => MESSAGE_TYPE_NUMBERS[type];
export const entryTypeNumber = (type: EntryType): number => ENTRY_TYPE_NUMBERS[type];

/** The types by their numbers. */
export const MESSAGE_TYPES = typesByNumber(MESSAGE_TYPE_NUMBERS);
export const ENTRY_TYPES = typesByNumber(ENTRY_TYPE_NUMBERS);

function typesByNumber<Type extends string>(numbers: Record<Type, number>): readonly Type[] {
  const types = Object.keys(numbers) as Type[];
  return types.sort((one, other) => numbers[one] - numbers[other]);
}
