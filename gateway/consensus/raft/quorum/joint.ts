import type { NodeId } from '../types.ts';
import { describeProgress } from './describe.ts';
import { MajorityConfig } from './majority.ts';
import { NodeSet } from './node-set.ts';
import type { AckedIndex, VoteResult } from './types.ts';

/**
 * Two sets of voters that both have to agree, while the members change from the one to the other (section 4.3 of Ongaro's
 * thesis). Outside of a change the outgoing one is empty. After etcd-io/raft, quorum/joint.go.
 */
export class JointConfig {
  readonly incoming: MajorityConfig;
  readonly outgoing: MajorityConfig;

  constructor(incoming: Iterable<NodeId> = [], outgoing: Iterable<NodeId> = []) {
    this.incoming = new MajorityConfig(incoming);
    this.outgoing = new MajorityConfig(outgoing);
  }

  /** True while the members change. */
  get isJoint(): boolean {
    return this.outgoing.size > 0;
  }

  has(id: NodeId): boolean {
    return this.incoming.has(id) || this.outgoing.has(id);
  }

  /** The voters of both halves. */
  ids(): NodeSet {
    return new NodeSet([...this.incoming, ...this.outgoing]);
  }

  /** The highest index that both halves have committed. Infinity without voters. */
  committedIndex(ackedIndex: AckedIndex): number {
    return Math.min(this.incoming.committedIndex(ackedIndex), this.outgoing.committedIndex(ackedIndex));
  }

  /** Won when both halves are, lost when one is. */
  voteResult(votes: ReadonlyMap<NodeId, boolean>): VoteResult {
    const incoming = this.incoming.voteResult(votes);
    const outgoing = this.outgoing.voteResult(votes);
    if (incoming === outgoing) return incoming;
    return incoming === 'VoteLost' || outgoing === 'VoteLost' ? 'VoteLost' : 'VotePending';
  }

  describe(ackedIndex: AckedIndex): string {
    return describeProgress(this.ids(), ackedIndex);
  }

  /** "(1 2 3)", and "(1 2 3)&&(1 2 4)" while the members change. */
  toString(): string {
    return this.isJoint ? `${this.incoming}&&${this.outgoing}` : this.incoming.toString();
  }
}
