import type { NodeId } from '../types.ts';
import { describeProgress } from './describe.ts';
import { NodeSet } from './node-set.ts';
import type { AckedIndex, VoteResult } from './types.ts';

/**
 * Voters of which more than half decide. The empty set agrees with everything, so that a joint configuration whose other
 * half is empty decides as its one half does. After etcd-io/raft, quorum/majority.go.
 */
export class MajorityConfig extends NodeSet {
  /** The highest index that more than half of the voters have. Infinity without voters. */
  committedIndex(ackedIndex: AckedIndex): number {
    if (this.size === 0) return Number.POSITIVE_INFINITY;
    const acked: number[] = [];
    for (const id of this) acked.push(ackedIndex(id) ?? 0);
    acked.sort((a, b) => b - a);
    return acked[this.size >> 1]!;
  }

  /** What the votes so far (true is yes) come to; a voter that is not in the map may still vote either way. */
  voteResult(votes: ReadonlyMap<NodeId, boolean>): VoteResult {
    if (this.size === 0) return 'VoteWon';
    let yes = 0;
    let missing = 0;
    for (const id of this) {
      const vote = votes.get(id);
      if (vote === undefined) missing++;
      else if (vote) yes++;
    }
    const quorum = (this.size >> 1) + 1;
    if (yes >= quorum) return 'VoteWon';
    return yes + missing >= quorum ? 'VotePending' : 'VoteLost';
  }

  /** Several lines for a person: a bar per voter, longer the more voters it is ahead of. */
  describe(ackedIndex: AckedIndex): string {
    return describeProgress(this, ackedIndex);
  }
}
