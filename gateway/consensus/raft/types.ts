/*
 * The words of Raft as etcd's library has them (raftpb), so that its recorded cases and its readers find them again.
 * Terms, indexes and ids are whole numbers from 0 to 2^53 - 1; 0 stands for none.
 */

/** Id of a member within its group, 1 or more. 0 stands for nobody. */
export type NodeId = number;

export const NONE: NodeId = 0;

/** Pseudo-members of asynchronous storage: where MsgStorageAppend and MsgStorageApply go to. */
export const LOCAL_APPEND_THREAD: NodeId = Number.MAX_SAFE_INTEGER;
export const LOCAL_APPLY_THREAD: NodeId = Number.MAX_SAFE_INTEGER - 1;

export type EntryType = 'EntryNormal' | 'EntryConfChange' | 'EntryConfChangeV2';

export interface Entry {
  term: number;
  index: number;
  type: EntryType;
  /** Empty in the entry that a leader begins its term with. Never changed once it is in a log. */
  data: Uint8Array;
}

/** What has to be on disk before a message that depends on it is sent. */
export interface HardState {
  term: number;
  vote: NodeId;
  commit: number;
}

export interface SoftState {
  lead: NodeId;
  role: Role;
}

export type Role = 'StateFollower' | 'StatePreCandidate' | 'StateCandidate' | 'StateLeader';

/** The members of a group. votersOutgoing is not empty while a joint change is under way. */
export interface ConfState {
  voters: NodeId[];
  learners: NodeId[];
  votersOutgoing: NodeId[];
  /** Voters of the old half that become learners when the joint configuration is left. */
  learnersNext: NodeId[];
  autoLeave: boolean;
}

export interface SnapshotMetadata {
  confState: ConfState;
  index: number;
  term: number;
}

export interface Snapshot {
  metadata: SnapshotMetadata;
  data: Uint8Array;
}

export type ConfChangeType =
  | 'ConfChangeAddNode'
  | 'ConfChangeRemoveNode'
  | 'ConfChangeUpdateNode'
  | 'ConfChangeAddLearnerNode';

/** One change of one member (the entry type EntryConfChange). */
export interface ConfChange {
  type: ConfChangeType;
  nodeId: NodeId;
  /** Free for the application, for example a member's name and address. */
  context: Uint8Array;
}

export interface ConfChangeSingle {
  type: ConfChangeType;
  nodeId: NodeId;
}

export type ConfChangeTransition =
  | 'ConfChangeTransitionAuto'
  | 'ConfChangeTransitionJointImplicit'
  | 'ConfChangeTransitionJointExplicit';

/** Any number of changes at once, by joint consensus where it takes more than one (the entry type EntryConfChangeV2). */
export interface ConfChangeV2 {
  transition: ConfChangeTransition;
  changes: ConfChangeSingle[];
  context: Uint8Array;
}

export type MessageType =
  | 'MsgHup'
  | 'MsgBeat'
  | 'MsgProp'
  | 'MsgApp'
  | 'MsgAppResp'
  | 'MsgVote'
  | 'MsgVoteResp'
  | 'MsgSnap'
  | 'MsgHeartbeat'
  | 'MsgHeartbeatResp'
  | 'MsgUnreachable'
  | 'MsgSnapStatus'
  | 'MsgCheckQuorum'
  | 'MsgTransferLeader'
  | 'MsgTimeoutNow'
  | 'MsgReadIndex'
  | 'MsgReadIndexResp'
  | 'MsgPreVote'
  | 'MsgPreVoteResp'
  | 'MsgStorageAppend'
  | 'MsgStorageAppendResp'
  | 'MsgStorageApply'
  | 'MsgStorageApplyResp'
  | 'MsgForgetLeader';

/** A message between members, or within one (MsgHup, MsgBeat, MsgStorage…). What a type does not use is 0, empty or absent. */
export interface Message {
  type: MessageType;
  to: NodeId;
  from: NodeId;
  term: number;
  logTerm: number;
  index: number;
  entries: Entry[];
  commit: number;
  /** Of MsgStorageAppend only, with `term` and `commit`. */
  vote: NodeId;
  snapshot?: Snapshot;
  reject: boolean;
  rejectHint: number;
  /** Of MsgVote and MsgPreVote of a leadership transfer, and the id of a ReadIndex request. */
  context?: Uint8Array;
  /** Messages to hand on when a MsgStorage… has been carried out. */
  responses?: Message[];
}

/** A read that may be answered once `index` has been applied. */
export interface ReadState {
  index: number;
  requestContext: Uint8Array;
}

/**
 * The log as the core reads it: what the storage has taken, its end perhaps not yet on disk. Synchronous, so an
 * implementation keeps it in memory. Throws StorageError.
 */
export interface Storage {
  initialState(): { hardState: HardState; confState: ConfState };
  /** Entries of [low, high), at most bytesMax of them together but at least one. */
  entries(low: number, high: number, bytesMax: number): Entry[];
  /** Term of the entry at that index, in [firstIndex - 1, lastIndex]. */
  term(index: number): number;
  lastIndex(): number;
  /** Index of the first entry that is there; those below are in the snapshot. */
  firstIndex(): number;
  /** The newest snapshot. */
  snapshot(): Snapshot;
}

export type StorageFault = 'compacted' | 'unavailable' | 'snapshotOutOfDate' | 'snapshotTemporarilyUnavailable';

/** Not an error of the user's: the core asks and goes on by what the storage says. */
export class StorageError extends Error {
  readonly fault: StorageFault;

  constructor(fault: StorageFault) {
    super(fault);
    this.name = 'StorageError';
    this.fault = fault;
  }
}
