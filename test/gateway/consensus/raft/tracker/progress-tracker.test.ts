import { describe, expect, it } from 'vitest';
import { Changer, parseConfChanges } from '../../../../../gateway/consensus/raft/confchange/index.ts';
import { ProgressTracker } from '../../../../../gateway/consensus/raft/tracker/index.ts';

function tracker(changes: string): ProgressTracker {
  const made = new ProgressTracker(10, 0);
  for (const change of parseConfChanges(changes)) made.setMembers(new Changer(made, 4).simple([change]));
  return made;
}

describe('ProgressTracker', () => {
  it('has the members in the order of the ids, however they came', () => {
    const members = tracker('v10 v2 l9 v1');
    expect([...members.progress.keys()]).toEqual([1, 2, 9, 10]);
    expect(members.voterNodes()).toEqual([1, 2, 10]);
  });

  it('commits by its voters alone', () => {
    const members = tracker('v1 v2 v3 l4');
    for (const [id, match] of [
      [1, 7],
      [2, 5],
      [4, 9],
    ] as const)
      members.progress.get(id)?.maybeUpdate(match);
    expect(members.committed()).toBe(5);
  });

  it('counts the first vote of a member that is a voter', () => {
    const members = tracker('v1 v2 v3 l4');
    members.recordVote(1, true);
    members.recordVote(2, false);
    members.recordVote(2, true);
    members.recordVote(4, true);
    members.recordVote(8, true);
    expect(members.tallyVotes()).toEqual({ granted: 1, rejected: 1, result: 'VotePending' });
    members.recordVote(3, true);
    expect(members.tallyVotes()).toEqual({ granted: 2, rejected: 1, result: 'VoteWon' });
    members.resetVotes();
    expect(members.tallyVotes()).toEqual({ granted: 0, rejected: 0, result: 'VotePending' });
  });

  it('is active while more than half of the voters are, without the learners', () => {
    const members = tracker('v1 v2 v3 l4');
    members.resetProgress(1, 4);
    members.progress.get(1)!.recentActive = true;
    members.progress.get(4)!.recentActive = true;
    expect(members.quorumActive()).toBe(false);
    members.progress.get(3)!.recentActive = true;
    expect(members.quorumActive()).toBe(true);
  });

  it('begins a term with what its own log has, and probes the others from its end', () => {
    const members = tracker('v1 v2 l3');
    members.progress.get(2)!.maybeUpdate(4);
    members.resetProgress(1, 20);
    expect([...members.progress.values()].map(String)).toEqual([
      'StateProbe match=20 next=21 inactive',
      'StateProbe match=0 next=21 inactive',
      'StateProbe match=0 next=21 learner inactive',
    ]);
  });
});
