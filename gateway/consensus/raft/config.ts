import type { Random } from '../../../core/random/index.ts';
import { RaftError } from './errors.ts';
import { isLocalTarget } from './message.ts';
import { NO_LIMIT } from './size.ts';
import { NONE, type NodeId, type Storage } from './types.ts';

/**
 * How a leader knows that it still is the leader when it is asked to read.
 * Safe: a majority answers a heartbeat first. LeaseBased: it trusts its clock for an election timeout after the last
 * check, with no message; a clock that stops or jumps, or a process that is paused, then gives stale reads. So may a
 * transfer of leadership, since its votes are given while the lease of the old leader runs.
 */
export type ReadOnlyOption = 'ReadOnlySafe' | 'ReadOnlyLeaseBased';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface RaftConfig {
  /** Of this member; 1 or more, never used again for another one. */
  id: NodeId;
  /**
   * Ticks without a word of the leader before an election, drawn anew each time from [electionTick, 2 * electionTick).
   * Greater than heartbeatTick, and better ten times that, so that one lost heartbeat does not end a term.
   */
  electionTick: number;
  /** Ticks between the heartbeats of a leader. */
  heartbeatTick: number;
  /** Where the log, the hard state and the members are read from at the start, and the log later. */
  storage: Storage;
  /** Election timeouts are drawn from it. Members must not share a seed, or they may split votes in step. */
  random: Random;
  /** Last index that the application holds already; entries up to it are not handed out again. 0 for from the start. */
  applied?: number;
  /** Writes and applies by messages to the local threads, in the background, instead of between ready() and advance(). */
  asyncStorageWrites?: boolean;
  /**
   * With asyncStorageWrites: a candidate asks for votes once its own is on disk. If it asks at once, as etcd-io/raft does, it can win
   * by the votes of the others alone, forget its own in a power cut, and win the same term a second time with other entries.
   */
  persistsBeforeVoteRequests?: boolean;
  /** Bound of the entries in one MsgApp. More per message is fewer messages, and longer ones. One entry always passes. */
  maxSizePerMsg: number;
  /** Bound of the entries that are with the application unconfirmed. maxSizePerMsg unless given. */
  maxCommittedSizePerReady?: number;
  /** Bound of the data that a leader has proposed and not committed; what is beyond is dropped. No limit unless given. */
  maxUncommittedEntriesSize?: number;
  /** Bound of the MsgApp on their way to one member, 1 or more. */
  maxInflightMsgs: number;
  /** The same in bytes of data, at least maxSizePerMsg. No limit unless given. */
  maxInflightBytes?: number;
  /** Bound of the reads that a leader holds until they are confirmed; what is beyond is dropped and counted. 4,096 unless given. */
  maxPendingReads?: number;
  /** A leader that a majority has not answered for an election timeout steps down. */
  checkQuorum?: boolean;
  /** Asks whether it could win before it raises the term, so that a member that was cut off disturbs nobody (thesis, 9.6). */
  preVote?: boolean;
  /** ReadOnlySafe unless given. ReadOnlyLeaseBased needs checkQuorum. */
  readOnlyOption?: ReadOnlyOption;
  /** Followers drop proposals instead of handing them to the leader. */
  disableProposalForwarding?: boolean;
  /** Lets every change of the members into the log, for an application that checks them as it applies them. */
  disableConfChangeValidation?: boolean;
  /** A leader that is removed, or made a learner, steps down as it applies that. */
  stepDownOnRemoval?: boolean;
  /** Gets what would be logged. No text is built without it. */
  onLog?: LogSink;
}

export type LogSink = (level: LogLevel, message: string) => void;

/** The configuration with every default filled in. */
export type ResolvedConfig = Required<Omit<RaftConfig, 'onLog'>> & { onLog: LogSink | undefined };

/** Throws RaftError invalidConfig with the first thing that is wrong. */
export function resolveConfig(config: RaftConfig): ResolvedConfig {
  const resolved: ResolvedConfig = {
    applied: 0,
    asyncStorageWrites: false,
    persistsBeforeVoteRequests: false,
    maxCommittedSizePerReady: config.maxSizePerMsg,
    maxUncommittedEntriesSize: NO_LIMIT,
    maxInflightBytes: NO_LIMIT,
    maxPendingReads: 4_096,
    checkQuorum: false,
    preVote: false,
    readOnlyOption: 'ReadOnlySafe',
    disableProposalForwarding: false,
    disableConfChangeValidation: false,
    stepDownOnRemoval: false,
    onLog: undefined,
    ...config,
  };
  check(resolved.id !== NONE && !isLocalTarget(resolved.id), 'id must be 1 or more, and not the id of a local thread');
  check(resolved.heartbeatTick > 0, 'heartbeatTick must be greater than 0');
  check(resolved.electionTick > resolved.heartbeatTick, 'electionTick must be greater than heartbeatTick');
  check(resolved.maxCommittedSizePerReady > 0, 'maxCommittedSizePerReady must be greater than 0');
  check(resolved.maxInflightMsgs > 0, 'maxInflightMsgs must be greater than 0');
  check(resolved.maxInflightBytes >= resolved.maxSizePerMsg, 'maxInflightBytes must be at least maxSizePerMsg');
  check(resolved.maxPendingReads > 0, 'maxPendingReads must be greater than 0');
  check(
    resolved.readOnlyOption === 'ReadOnlySafe' || resolved.checkQuorum,
    'checkQuorum must be on when readOnlyOption is ReadOnlyLeaseBased',
  );
  return resolved;
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new RaftError('invalidConfig', otherwise);
}
