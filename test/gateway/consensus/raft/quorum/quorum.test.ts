import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JointConfig, MajorityConfig } from '../../../../../gateway/consensus/raft/quorum/index.ts';
import type { NodeId } from '../../../../../gateway/consensus/raft/types.ts';

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 });
const acks = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.integer({ min: 0, max: 6 })).map(byId);
const votes = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.boolean()).map(byId);

describe('MajorityConfig', () => {
  it('commits the highest index that more than half of the voters have', () => {
    fc.assert(
      fc.property(ids, acks, (voters, acked) => {
        const committed = new MajorityConfig(voters).committedIndex((id) => acked.get(id));
        expect(committed).toBe(highestByCounting(voters, acked));
      }),
      { numRuns: 2000 },
    );
  });

  it('decides a vote as soon as, and only if, the votes that are missing cannot change it', () => {
    fc.assert(
      fc.property(ids, votes, (voters, cast) => {
        const outcomes = new Set(completions(voters, cast).map((all) => hasMajority(voters, all)));
        const expected = outcomes.size === 2 ? 'VotePending' : outcomes.has(true) ? 'VoteWon' : 'VoteLost';
        expect(new MajorityConfig(voters).voteResult(cast)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('JointConfig', () => {
  it('commits what both halves commit, in whichever order they stand', () => {
    fc.assert(
      fc.property(ids, ids, acks, (incoming, outgoing, acked) => {
        const ackedIndex = (id: NodeId) => acked.get(id);
        const committed = new JointConfig(incoming, outgoing).committedIndex(ackedIndex);
        expect(committed).toBe(Math.min(highestByCounting(incoming, acked), highestByCounting(outgoing, acked)));
        expect(new JointConfig(outgoing, incoming).committedIndex(ackedIndex)).toBe(committed);
      }),
      { numRuns: 2000 },
    );
  });

  it('wins a vote that both halves win, loses one that either loses', () => {
    fc.assert(
      fc.property(ids, ids, votes, (incoming, outgoing, cast) => {
        const halves = [incoming, outgoing].map((voters) => new MajorityConfig(voters).voteResult(cast));
        const result = new JointConfig(incoming, outgoing).voteResult(cast);
        expect(result === 'VoteWon').toBe(halves.every((half) => half === 'VoteWon'));
        expect(result === 'VoteLost').toBe(halves.includes('VoteLost'));
      }),
      { numRuns: 2000 },
    );
  });

  it('is written as its halves, and as the one that decides outside of a change', () => {
    expect(`${new JointConfig([3, 1, 10], [2, 1])}`).toBe('(1 3 10)&&(1 2)');
    expect(`${new JointConfig([2, 1])}`).toBe('(1 2)');
  });
});

/** The definition, tried index by index. */
function highestByCounting(voters: NodeId[], acked: ReadonlyMap<NodeId, number>): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const indexes = [0, 1, 2, 3, 4, 5, 6];
  const agreed = indexes.filter((index) =>
    hasMajority(voters, new Map([...acked].map(([id, at]) => [id, at >= index]))),
  );
  return Math.max(0, ...agreed);
}

function hasMajority(voters: NodeId[], votes: ReadonlyMap<NodeId, boolean>): boolean {
  return voters.length === 0 || voters.filter((id) => votes.get(id) === true).length > voters.length / 2;
}

/** Every way in which the voters that have not voted yet might. */
function completions(voters: NodeId[], cast: ReadonlyMap<NodeId, boolean>): Map<NodeId, boolean>[] {
  const missing = voters.filter((id) => !cast.has(id));
  return Array.from({ length: 2 ** missing.length }, (_, bits) => {
    const rest = missing.map((id, i): [NodeId, boolean] => [id, ((bits >> i) & 1) === 1]);
    return new Map([...cast, ...rest]);
  });
}

function byId<T>(object: Record<string, T>): Map<NodeId, T> {
  return new Map(Object.entries(object).map(([id, value]) => [Number(id), value]));
}
