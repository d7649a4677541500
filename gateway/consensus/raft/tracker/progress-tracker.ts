import type { VoteResult } from '../quorum/index.ts';
import type { ConfState, NodeId } from '../types.ts';
import { type TrackerConfig, trackerConfig } from './config.ts';
import { Inflights } from './inflights.ts';
import { Progress, type ProgressMap } from './progress.ts';

/** Who the members are and how far each has got. They change together. */
export interface Members {
  readonly config: TrackerConfig;
  readonly progress: ProgressMap;
}

/**
 * The members, how far each has got, and the votes of the election that is under way.
 * After etcd-io/raft, tracker/tracker.go.
 */
export class ProgressTracker {
  #members: Members = { config: trackerConfig(), progress: new Map() };
  readonly #inflightMessagesMax: number;
  readonly #inflightBytesMax: number;
  readonly #votes = new Map<NodeId, boolean>();

  /** The bounds of the appends on their way to one member; bytes 0 is no limit. */
  constructor(inflightMessagesMax: number, inflightBytesMax: number) {
    this.#inflightMessagesMax = inflightMessagesMax;
    this.#inflightBytesMax = inflightBytesMax;
  }

  get config(): TrackerConfig {
    return this.#members.config;
  }

  get progress(): ProgressMap {
    return this.#members.progress;
  }

  setMembers(members: Members): void {
    this.#members = members;
  }

  /** Forgets what the members have, as a term begins: all but `self` are probed from the end of the own log. */
  resetProgress(self: NodeId, lastIndex: number): void {
    const fresh = new Map<NodeId, Progress>();
    for (const [id, { isLearner }] of this.progress) {
      fresh.set(
        id,
        new Progress({
          match: id === self ? lastIndex : 0,
          next: lastIndex + 1,
          inflights: this.newInflights(),
          isLearner,
          recentActive: false,
        }),
      );
    }
    this.setMembers({ config: this.config, progress: fresh });
  }

  newInflights(): Inflights {
    return new Inflights(this.#inflightMessagesMax, this.#inflightBytesMax);
  }

  confState(): ConfState {
    const { voters, learners, learnersNext, autoLeave } = this.config;
    return {
      voters: voters.incoming.sorted(),
      votersOutgoing: voters.outgoing.sorted(),
      learners: learners.sorted(),
      learnersNext: learnersNext.sorted(),
      autoLeave,
    };
  }

  /** True when one member decides alone. */
  get isSingleton(): boolean {
    return this.config.voters.incoming.size === 1 && !this.config.voters.isJoint;
  }

  /** The highest index that is committed as far as the acknowledgements tell. Infinity without voters. */
  committed(): number {
    return this.config.voters.committedIndex((id) => this.progress.get(id)?.match);
  }

  /** True when enough voters to decide were heard of since the last check. */
  quorumActive(): boolean {
    const heard = new Map<NodeId, boolean>();
    for (const [id, member] of this.progress) {
      if (!member.isLearner) heard.set(id, member.recentActive);
    }
    return this.config.voters.voteResult(heard) === 'VoteWon';
  }

  /** Of both halves, in the order of the ids. */
  voterNodes(): NodeId[] {
    return this.config.voters.ids().sorted();
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** The first vote of a member counts. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  tallyVotes(): { granted: number; rejected: number; result: VoteResult } {
    let granted = 0;
    let rejected = 0;
    for (const [id, vote] of this.#votes) {
      // A member that has left since, or has become a learner, is not counted.
      if (this.progress.get(id)?.isLearner !== false) continue;
      if (vote) granted++;
      else rejected++;
    }
    return { granted, rejected, result: this.config.voters.voteResult(this.#votes) };
  }
}
