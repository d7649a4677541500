import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { ELECTION_TICK, Member, message } from './member.ts';
import { Network } from './network.ts';

const BOTH = { preVote: true, checkQuorum: true };

describe('votes (Raft, section 5.2)', () => {
  it('a member that knows the leader of its term votes for nobody else in it, though it has not voted', () => {
    const voter = new Member(1);
    voter.receive(message('MsgHeartbeat', 2, 1, { term: 4 }));
    const [refused] = voter.receive(message('MsgVote', 3, 1, { term: 4 }));
    expect(refused).toMatchObject({ type: 'MsgVoteResp', term: 4, reject: true });
    expect([voter.leader, voter.vote]).toEqual([2, 0]);
  });
});

describe('pre-votes (thesis, section 9.6)', () => {
  it('a pre-candidate asks for the next term, and keeps its own term and vote', () => {
    const member = new Member(1, { preVote: true, hardState: { term: 3, vote: 2, commit: 0 } });
    member.node.campaign();
    const requests = member.flush();
    expect(requests.map(({ type, term, to }) => [type, term, to])).toEqual([
      ['MsgPreVote', 4, 2],
      ['MsgPreVote', 4, 3],
    ]);
    expect([member.role, member.term, member.vote]).toEqual(['StatePreCandidate', 3, 2]);
  });

  it('a voter grants a pre-vote for a term to come, and forgets that it has', () => {
    const voter = new Member(1, { preVote: true, hardState: { term: 3, vote: 2, commit: 0 } });
    const [granted] = voter.receive(message('MsgPreVote', 3, 1, { term: 4 }));
    expect(granted).toMatchObject({ type: 'MsgPreVoteResp', term: 4, reject: false });
    expect([voter.term, voter.vote]).toEqual([3, 2]);
  });

  it('a pre-vote of an older term is refused with the term of the voter', () => {
    const voter = new Member(1, { preVote: true, hardState: { term: 3, vote: 0, commit: 0 } });
    const [refused] = voter.receive(message('MsgPreVote', 3, 1, { term: 2 }));
    expect(refused).toMatchObject({ type: 'MsgPreVoteResp', term: 3, reject: true });
  });

  it('two rounds make a leader, one term later', () => {
    const network = Network.of(3, { preVote: true }).campaign(1);
    expect([network.roles(), network.at(1).term]).toEqual([['StateLeader', 'StateFollower', 'StateFollower'], 1]);
  });

  it('a majority that refuses makes a follower of the same term', () => {
    const member = new Member(1, { preVote: true });
    member.node.campaign();
    member.flush();
    for (const from of [2, 3]) member.receive(message('MsgPreVoteResp', from, 1, { term: 1, reject: true }));
    // A refusal carries the term of who refused, which was ahead.
    expect([member.role, member.term]).toEqual(['StateFollower', 1]);
  });

  it('a candidate does not count what was granted to it as pre-candidate', () => {
    const member = new Member(1, { voters: [1, 2, 3, 4, 5], preVote: true });
    member.node.campaign();
    member.flush();
    for (const from of [2, 3]) member.receive(message('MsgPreVoteResp', from, 1, { term: 1 }));
    expect(member.role).toBe('StateCandidate');
    for (const from of [4, 5]) member.receive(message('MsgPreVoteResp', from, 1, { term: 1 }));
    expect(member.role).toBe('StateCandidate');
    for (const from of [2, 3]) member.receive(message('MsgVoteResp', from, 1, { term: 1 }));
    expect(member.role).toBe('StateLeader');
  });

  it('a member that was cut off returns without a new term', () => {
    const network = Network.of(3, BOTH).campaign(1).isolate(3);
    network
      .tick(3, 5 * ELECTION_TICK)
      .propose(1, 'meanwhile')
      .recover()
      .tick(1, 2);
    expect(network.roles()).toEqual(['StateLeader', 'StateFollower', 'StateFollower']);
    expect([network.at(3).term, network.at(3).appliedTexts]).toEqual([1, ['meanwhile']]);
  });

  it('without pre-votes it ends the term', () => {
    const network = Network.of(3).campaign(1).isolate(3);
    network.tick(3, 5 * ELECTION_TICK).recover();
    network.tick(3, 2 * ELECTION_TICK);
    expect([network.at(1).role, network.at(1).term > 1]).toEqual(['StateFollower', true]);
  });
});

describe('CheckQuorum', () => {
  it('a leader that a majority does not answer steps down within two election timeouts', () => {
    const leader = new Member(1, { checkQuorum: true }).lead();
    leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 1 }));
    leader.tick(ELECTION_TICK);
    expect(leader.role).toBe('StateLeader');
    leader.tick(ELECTION_TICK);
    expect([leader.role, leader.leader, leader.term]).toEqual(['StateFollower', 0, 1]);
  });

  it('a leader that a majority answers stays', () => {
    const network = Network.of(3, BOTH)
      .campaign(1)
      .isolate(3)
      .tick(1, 10 * ELECTION_TICK);
    expect(network.at(1).role).toBe('StateLeader');
  });

  it.each(['MsgVote', 'MsgPreVote'] as const)(
    'a member that hears of its leader does not answer %s, of whatever term',
    (type) => {
      const follower = new Member(1, BOTH);
      follower.receive(message('MsgHeartbeat', 2, 1, { term: 1 }));
      expect(follower.receive(message(type, 3, 1, { term: 9 }))).toEqual([]);
      expect([follower.term, follower.leader]).toEqual([1, 2]);
      follower.tick(ELECTION_TICK);
      expect(follower.receive(message(type, 3, 1, { term: 9 }))).toHaveLength(1);
    },
  );

  it('it does answer when the leader itself hands over', () => {
    const follower = new Member(1, BOTH);
    follower.receive(message('MsgHeartbeat', 2, 1, { term: 1 }));
    const context = new TextEncoder().encode('CampaignTransfer');
    const [response] = follower.receive(message('MsgVote', 3, 1, { term: 2, context }));
    expect(response).toMatchObject({ type: 'MsgVoteResp', term: 2, reject: false });
  });

  it('a member with a higher term makes a leader step down that it hears of, and rejoins', () => {
    const network = Network.of(3, { checkQuorum: true })
      .campaign(1)
      .isolate(3)
      .tick(3, 5 * ELECTION_TICK)
      .recover();
    const ahead = network.at(3).term;
    network.tick(1);
    expect(network.at(1).role).toBe('StateFollower');
    expect(network.at(1).term).toBe(ahead);
    network.campaign(1);
    expect(network.roles()).toEqual(['StateLeader', 'StateFollower', 'StateFollower']);
  });

  it('the partial partition of five that leaves one member with links to all: a leader after two terms at most', () => {
    // 1 leads and loses all links but the one to 5; 5 still reaches everybody, 2, 3 and 4 reach each other.
    const network = Network.of(5, BOTH).campaign(1);
    for (const id of [2, 3, 4]) network.cut(1, id);
    const before = network.at(1).term;
    for (let at = 0; at < 30 * ELECTION_TICK; at++) for (const id of [1, 2, 3, 4, 5]) network.tick(id);
    const terms = [...network.members.values()].map(({ term }) => term);
    const leaders = [...network.members.values()].filter(({ role }) => role === 'StateLeader');
    expect(leaders).toHaveLength(1);
    expect(Math.max(...terms) - before).toBeLessThanOrEqual(2);
    network.propose(leaders[0]!.id, 'goes on');
    expect(network.at(5).appliedTexts).toContain('goes on');
  });
});

describe('campaigns', () => {
  it('a learner, a stranger and a leader do not campaign', () => {
    const learner = new Member(3, { voters: [1, 2], learners: [3] });
    const stranger = new Member(9, { voters: [1, 2] });
    const leader = new Member(1).lead();
    for (const member of [learner, stranger, leader]) {
      const before = member.term;
      member.node.campaign();
      expect(member.tick(3 * ELECTION_TICK).some(({ type }) => type === 'MsgVote')).toBe(false);
      expect(member.term).toBe(before);
    }
  });

  it('a learner votes, since whoever asks may know that it is a voter by now', () => {
    const learner = new Member(3, { voters: [1, 2], learners: [3] });
    expect(learner.receive(message('MsgVote', 1, 3, { term: 1 }))).toMatchObject([
      { type: 'MsgVoteResp', reject: false },
    ]);
  });

  it('alone it is leader at once', () => {
    const alone = new Member(1, { voters: [1] });
    alone.tick(2 * ELECTION_TICK);
    expect([alone.role, alone.commit]).toEqual(['StateLeader', 1]);
  });

  it('a vote is sent only with the ready() that has it written down', () => {
    const voter = new Member(1);
    voter.node.step(message('MsgVote', 2, 1, { term: 1 }));
    expect(voter.node.ready()).toMatchObject({
      mustSync: true,
      hardState: { term: 1, vote: 2 },
      messages: [{ type: 'MsgVoteResp', to: 2 }],
    });
  });

  it('a group with random timeouts elects a leader by itself, and another one when that is gone', () => {
    for (let seed = 0; seed < 20; seed++) {
      const network = new Network(
        ...[1, 2, 3, 4, 5].map(
          (id) => new Member(id, { ...BOTH, voters: [1, 2, 3, 4, 5], random: seededRandom(`${seed}/${id}`) }),
        ),
      );
      const leaders = (): Member[] => [...network.members.values()].filter(({ role }) => role === 'StateLeader');
      const run = (): void => {
        for (let at = 0; at < 10 * ELECTION_TICK; at++) for (const id of [1, 2, 3, 4, 5]) network.tick(id);
      };
      run();
      expect(leaders(), `seed ${seed}`).toHaveLength(1);
      const first = leaders()[0]!;
      network.isolate(first.id);
      run();
      expect(leaders(), `seed ${seed}`).toHaveLength(1);
      expect(leaders()[0], `seed ${seed}`).not.toBe(first);
    }
  });

  it('forgetting the leader lets a follower vote at once, until the leader is heard of again', () => {
    const follower = new Member(1, BOTH);
    follower.receive(message('MsgHeartbeat', 2, 1, { term: 1 }));
    follower.node.forgetLeader();
    expect(follower.leader).toBe(0);
    expect(follower.receive(message('MsgPreVote', 3, 1, { term: 2 }))).toMatchObject([{ reject: false }]);
    follower.receive(message('MsgHeartbeat', 2, 1, { term: 1 }));
    expect(follower.leader).toBe(2);
  });
});
