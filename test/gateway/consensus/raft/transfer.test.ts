import { describe, expect, it } from 'vitest';
import { ELECTION_TICK, Member, message } from './member.ts';
import { Network } from './network.ts';

const BOTH = { preVote: true, checkQuorum: true };

describe('leadership transfer (thesis, section 3.10)', () => {
  it.each([
    ['the leader is asked', 1],
    ['a follower is asked, which hands it on', 3],
  ])('%s: the other leads in the next term', (_, asked) => {
    const network = Network.of(3, BOTH).campaign(1);
    network.at(asked).node.transferLeader(2);
    network.settle();
    expect(network.roles()).toEqual(['StateFollower', 'StateLeader', 'StateFollower']);
    expect(network.at(2).term).toBe(2);
  });

  it('a member that is behind is brought up to date first', () => {
    const network = Network.of(3, BOTH).campaign(1).isolate(3).propose(1, 'x').recover();
    network.at(1).node.transferLeader(3);
    network.settle().tick(1);
    expect(network.at(3).role).toBe('StateLeader');
    expect(network.at(3).appliedTexts).toEqual(['x']);
  });

  it('meanwhile proposals are dropped, for an election timeout at most', () => {
    const network = Network.of(3).campaign(1).isolate(3);
    const leader = network.at(1);
    leader.node.transferLeader(3);
    expect(() => leader.propose('x')).toThrow('dropped');
    expect(leader.node.basicStatus().leadTransferee).toBe(3);
    network.tick(1, ELECTION_TICK);
    expect(leader.node.basicStatus().leadTransferee).toBe(0);
    network.propose(1, 'x');
    expect(leader.appliedTexts).toEqual(['x']);
  });

  it('to itself, to a learner or to a stranger it is nothing', () => {
    const leader = new Member(1, { voters: [1, 2], learners: [3] }).lead();
    for (const id of [1, 3, 9]) {
      leader.node.transferLeader(id);
      expect([leader.flush(), leader.node.basicStatus().leadTransferee]).toEqual([[], 0]);
    }
  });

  it('the same again changes nothing, another one replaces it', () => {
    const network = Network.of(3).campaign(1).ignore('MsgTimeoutNow');
    const leader = network.at(1);
    leader.node.transferLeader(2);
    leader.tick(ELECTION_TICK - 1);
    leader.node.transferLeader(2);
    leader.tick();
    expect(leader.node.basicStatus().leadTransferee).toBe(0);
    leader.node.transferLeader(2);
    leader.node.transferLeader(3);
    expect(leader.flush().filter(({ type }) => type === 'MsgTimeoutNow')).toMatchObject([{ to: 2 }, { to: 3 }]);
    expect(leader.node.basicStatus().leadTransferee).toBe(3);
  });

  it('a leader of a higher term ends it', () => {
    const leader = Network.of(3).campaign(1).isolate(3).at(1);
    leader.node.transferLeader(3);
    leader.receive(message('MsgApp', 2, 1, { term: 2, index: 1, logTerm: 1 }));
    expect([leader.role, leader.node.basicStatus().leadTransferee]).toEqual(['StateFollower', 0]);
  });

  it('a member that is asked to lead and may not, does not', () => {
    const learner = new Member(3, { voters: [1, 2], learners: [3] });
    learner.receive(message('MsgTimeoutNow', 1, 3, { term: 1 }));
    expect(learner.role).toBe('StateFollower');
    const candidate = new Member(1);
    candidate.node.campaign();
    const { term } = candidate;
    candidate.receive(message('MsgTimeoutNow', 2, 1, { term }));
    expect(candidate.term).toBe(term);
  });
});
