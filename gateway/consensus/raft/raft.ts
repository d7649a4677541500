import { type LogSink, type RaftConfig, type ResolvedConfig, resolveConfig } from './config.ts';
import { RaftInvariantError } from './errors.ts';
import { RaftLog } from './log/index.ts';
import { ReadOnly } from './read-only.ts';
import { ProgressTracker } from './tracker/index.ts';
import { type HardState, type Message, NONE, type NodeId, type ReadState, type Role, type SoftState } from './types.ts';

/**
 * What a member knows. It holds the state and the few steps that every role shares; what happens to it is in functions
 * beside it, by idea: transitions, election, replication, reads, membership, and a file for each role.
 */
export class Raft {
  readonly id: NodeId;
  readonly config: ResolvedConfig;
  readonly log: RaftLog;
  readonly readOnly = new ReadOnly();
  readonly onLog: LogSink | undefined;
  tracker: ProgressTracker;

  term = 0;
  vote: NodeId = NONE;
  role: Role = 'StateFollower';
  lead: NodeId = NONE;
  /** Whom the leader is handing its leadership to; nobody while it is not. */
  leadTransferee: NodeId = NONE;

  /** Index up to which there may be a change of the members that is not applied; the next one has to wait for it. */
  pendingConfIndex = 0;
  /** Bytes of data in the leader's log beyond what is committed, at most: it may underestimate. */
  uncommittedBytes = 0;

  /** Ticks since the leader was heard of; at a leader, since it last checked its quorum. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Ticks, in [electionTick, 2 * electionTick). */
  randomizedElectionTimeout = 0;

  /** To be sent at once. */
  messages: Message[] = [];
  /** To be sent once everything that is unstable now is on disk: they promise that it is. */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];
  /** Reads that wait for the first commit of the term: until then the leader does not know what is committed. */
  earlyReads: Message[] = [];
  /** Reads that were refused since maxPendingReads were waiting. */
  readsDropped = 0;

  constructor(config: RaftConfig) {
    this.config = resolveConfig(config);
    this.id = config.id;
    this.onLog = config.onLog;
    this.log = new RaftLog(config.storage, this.config.maxCommittedSizePerReady);
    this.tracker = this.newTracker();
  }

  newTracker(): ProgressTracker {
    return new ProgressTracker(this.config.maxInflightMsgs, this.config.maxInflightBytes);
  }

  /** Goes on from what was on disk. */
  load({ term, vote, commit }: HardState): void {
    if (commit < this.log.committed || commit > this.log.lastIndex()) {
      throw new RaftInvariantError(
        `the commit index on disk, ${commit}, is out of [${this.log.committed}, ${this.log.lastIndex()}]`,
      );
    }
    this.log.committed = commit;
    this.term = term;
    this.vote = vote;
  }

  /**
   * Puts a message out. Votes carry the term they are about, which need not be the sender's; all others get the sender's,
   * except what is only handed on to the leader, which is of no term.
   */
  send(message: Message): void {
    if (message.from === NONE) message.from = this.id;
    switch (message.type) {
      case 'MsgVote':
      case 'MsgVoteResp':
      case 'MsgPreVote':
      case 'MsgPreVoteResp':
        if (message.term === 0) throw new RaftInvariantError(`${message.type} without a term`);
        break;
      default:
        if (message.term !== 0)
          throw new RaftInvariantError(`${message.type} has a term, ${message.term}, before sending`);
        if (message.type !== 'MsgProp' && message.type !== 'MsgReadIndex') message.term = this.term;
    }
    switch (message.type) {
      // They say that entries or a vote are on disk, to others and to the member itself.
      case 'MsgAppResp':
      case 'MsgVoteResp':
      case 'MsgPreVoteResp':
        this.messagesAfterAppend.push(message);
        break;
      default: {
        if (message.to === this.id) throw new RaftInvariantError(`${message.type} is addressed to its sender`);
        const waits = message.type === 'MsgVote' && this.config.persistsBeforeVoteRequests;
        (waits ? this.messagesAfterAppend : this.messages).push(message);
      }
    }
  }

  /** Begins a term, or the same one in another role: nobody leads, nobody has voted, nothing is known of the others. */
  reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.lead = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.randomizedElectionTimeout = this.config.electionTick + this.config.random.below(this.config.electionTick);
    this.leadTransferee = NONE;
    this.tracker.resetVotes();
    this.tracker.resetProgress(this.id, this.log.lastIndex());
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.readOnly.clear();
    this.earlyReads = [];
  }

  /** Whether it may stand for election: a voter, and with no snapshot that it has yet to take in. */
  get promotable(): boolean {
    return this.tracker.progress.get(this.id)?.isLearner === false && this.log.unstable.snapshot === undefined;
  }

  /** Until then a new leader may not know all that is committed: Raft, section 8. */
  get committedInCurrentTerm(): boolean {
    return this.log.matchTerm(this.log.committed, this.term);
  }

  softState(): SoftState {
    return { lead: this.lead, role: this.role };
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }
}
