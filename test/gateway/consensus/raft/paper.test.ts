import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import type { Message, Role } from '../../../../gateway/consensus/raft/index.ts';
import { ELECTION_TICK, entriesOf, entry, Member, message } from './member.ts';
import { Network } from './network.ts';

/*
 * The rules of the Raft paper (Ongaro & Ousterhout 2014, extended version), section by section, after the cases of
 * etcd-io/raft's raft_paper_test.go.
 */

const ROLES: Role[] = ['StateFollower', 'StateCandidate', 'StateLeader'];

/** A member of three at term 1 in that role. */
function inRole(role: Role): Member {
  const member = new Member(1, { hardState: { term: 0, vote: 0, commit: 0 } });
  if (role === 'StateLeader') return member.lead();
  if (role === 'StateCandidate') member.node.campaign();
  else member.node.step(message('MsgHeartbeat', 2, 1, { term: 1 }));
  member.flush();
  return member;
}

function types(messages: readonly Message[]): string[] {
  return messages.map(({ type, to }) => `${type}>${to}`);
}

describe('section 5.1: terms', () => {
  it.each(ROLES)('in %s a higher term makes a follower of it', (role) => {
    const member = inRole(role);
    member.receive(message('MsgApp', 2, 1, { term: 2 }));
    expect([member.term, member.role, member.leader]).toEqual([2, 'StateFollower', 2]);
  });

  it('a message of an older term is ignored', () => {
    const member = new Member(1, { hardState: { term: 2, vote: 0, commit: 0 } });
    expect(member.receive(message('MsgApp', 2, 1, { term: 1, entries: [entry(1, 1)] }))).toEqual([]);
    expect([member.term, member.log]).toEqual([2, []]);
  });
});

describe('section 5.2: leader election', () => {
  it('a member starts as follower', () => {
    expect(new Member(1).role).toBe('StateFollower');
  });

  it('a leader sends a heartbeat to all others every heartbeat tick', () => {
    const leader = new Member(1, { heartbeatTick: 3 }).lead();
    expect(types(leader.tick(2))).toEqual([]);
    expect(types(leader.tick())).toEqual(['MsgHeartbeat>2', 'MsgHeartbeat>3']);
  });

  it.each(['StateFollower', 'StateCandidate'] as const)(
    'in %s it stands for election when it hears of no leader',
    (role) => {
      const member = inRole(role);
      const requests = member.tick(2 * ELECTION_TICK - 1);
      expect([member.term, member.role, member.vote]).toEqual([2, 'StateCandidate', 1]);
      expect(types(requests)).toEqual(['MsgVote>2', 'MsgVote>3']);
      expect(requests.every(({ term }) => term === 2)).toBe(true);
    },
  );

  it.each<[size: number, votes: Record<number, boolean>, role: Role]>([
    [1, {}, 'StateLeader'],
    [3, { 2: true, 3: true }, 'StateLeader'],
    [3, { 2: true }, 'StateLeader'],
    [5, { 2: true, 3: true, 4: true, 5: true }, 'StateLeader'],
    [5, { 2: true, 3: true, 4: true }, 'StateLeader'],
    [5, { 2: true, 3: true }, 'StateLeader'],
    [3, { 2: false, 3: false }, 'StateFollower'],
    [5, { 2: false, 3: false, 4: false, 5: false }, 'StateFollower'],
    [5, { 2: true, 3: false, 4: false, 5: false }, 'StateFollower'],
    [3, {}, 'StateCandidate'],
    [5, { 2: true }, 'StateCandidate'],
    [5, { 2: false, 3: false }, 'StateCandidate'],
    [5, {}, 'StateCandidate'],
  ])('of %i, with the votes %o and its own, it is %s', (size, votes, role) => {
    const voters = Array.from({ length: size }, (_, at) => at + 1);
    const member = new Member(1, { voters });
    member.node.campaign();
    member.flush();
    for (const [from, granted] of Object.entries(votes)) {
      member.receive(message('MsgVoteResp', Number(from), 1, { term: 1, reject: !granted }));
    }
    expect([member.role, member.term]).toEqual([role, 1]);
  });

  it.each([
    [0, 2, false],
    [0, 3, false],
    [2, 2, false],
    [3, 3, false],
    [2, 3, true],
    [3, 2, true],
  ])('having voted for %i in a term, it answers %i with reject %s', (vote, from, reject) => {
    const member = new Member(1, { hardState: { term: 1, vote, commit: 0 } });
    const [response] = member.receive(message('MsgVote', from, 1, { term: 1 }));
    expect(response).toMatchObject({ type: 'MsgVoteResp', to: from, term: 1, reject });
  });

  it.each([1, 2])('a candidate that hears of a leader at term %i follows it', (term) => {
    const member = inRole('StateCandidate');
    member.receive(message('MsgApp', 2, 1, { term }));
    expect([member.role, member.term, member.leader]).toEqual(['StateFollower', term, 2]);
  });

  it('election timeouts are random, and spread over [electionTick, 2 * electionTick)', () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 500; seed++) {
      const member = new Member(1, { random: seededRandom(seed) });
      let ticks = 0;
      while (member.role === 'StateFollower') {
        member.tick();
        ticks++;
      }
      seen.add(ticks);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(
      Array.from({ length: ELECTION_TICK }, (_, at) => ELECTION_TICK + at),
    );
  });

  it('so in most rounds one follower times out before the others', () => {
    let conflicts = 0;
    for (let seed = 0; seed < 500; seed++) {
      const group = [1, 2, 3, 4, 5].map(
        (id) => new Member(id, { voters: [1, 2, 3, 4, 5], random: seededRandom(`${seed}/${id}`) }),
      );
      while (group.every(({ role }) => role === 'StateFollower')) for (const member of group) member.tick();
      if (group.filter(({ role }) => role === 'StateCandidate').length > 1) conflicts++;
    }
    expect(conflicts / 500).toBeLessThan(0.5);
  });
});

describe('section 5.3: log replication', () => {
  it('a leader appends a proposal and sends it on, after the entry that it follows', () => {
    const network = Network.of(3).campaign(1);
    const leader = network.at(1);
    const sent = leader.propose('some data');
    expect(sent).toMatchObject(
      [2, 3].map((to) => ({
        type: 'MsgApp',
        to,
        term: 1,
        index: 1,
        logTerm: 1,
        commit: 1,
        entries: [{ term: 1, index: 2 }],
      })),
    );
    expect([leader.log, leader.commit]).toEqual([['1/1', '1/2'], 1]);
  });

  it('an entry that a majority has is committed, applied, and the others are told', () => {
    const leader = Network.of(3).campaign(1).at(1);
    leader.propose('some data');
    const told = leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 2 }));
    expect([leader.commit, leader.appliedTexts]).toEqual([2, ['some data']]);
    expect(told.filter(({ commit }) => commit === 2).map(({ to }) => to)).toEqual([2, 3]);
  });

  it.each<[size: number, acks: number[], committed: boolean]>([
    [1, [], true],
    [3, [], false],
    [3, [2], true],
    [3, [2, 3], true],
    [5, [], false],
    [5, [2], false],
    [5, [2, 3], true],
    [5, [2, 3, 4], true],
  ])('of %i, acknowledged by %o and itself, committed is %s', (size, acks, committed) => {
    const leader = Network.of(size).campaign(1).at(1);
    leader.propose('some data');
    for (const from of acks) leader.receive(message('MsgAppResp', from, 1, { term: 1, index: 2 }));
    expect(leader.commit > 1).toBe(committed);
  });

  it.each([[[]], [[2]], [[1, 2]], [[1]]])(
    'entries of earlier terms, %o, are committed with the first of its own',
    (terms) => {
      const network = new Network(
        ...[1, 2, 3].map((id) => new Member(id, { terms, hardState: { term: 2, vote: 0, commit: 0 } })),
      );
      network.campaign(1).propose(1, 'some data');
      expect(network.at(1).applied.map(({ term }) => term)).toEqual([...terms, 3, 3]);
    },
  );

  it.each([
    [entriesOf([1]), 1],
    [entriesOf([1, 1]), 2],
    [entriesOf([1, 1]), 1],
  ])('a follower applies what the leader says is committed', (entries, commit) => {
    const follower = new Member(1);
    follower.receive(message('MsgApp', 2, 1, { term: 1, entries, commit }));
    expect(follower.applied).toEqual(entries.slice(0, commit));
  });

  it.each([
    // Committed: matches, whatever the leader says of it.
    [0, 0, { index: 1, reject: false, rejectHint: 0, logTerm: 0 }],
    [1, 1, { index: 1, reject: false, rejectHint: 0, logTerm: 0 }],
    // Matches an entry that is not committed.
    [2, 2, { index: 2, reject: false, rejectHint: 0, logTerm: 0 }],
    // Another term at that index.
    [1, 2, { index: 2, reject: true, rejectHint: 1, logTerm: 1 }],
    // Beyond the end.
    [3, 3, { index: 3, reject: true, rejectHint: 2, logTerm: 2 }],
  ])('a follower whose log is 1 2 answers an append after %i/%i', (logTerm, index, answer) => {
    const follower = new Member(1, { terms: [1, 2], hardState: { term: 1, vote: 0, commit: 1 } });
    const [response] = follower.receive(message('MsgApp', 2, 1, { term: 2, logTerm, index }));
    expect(response).toMatchObject({ type: 'MsgAppResp', term: 2, ...answer });
  });

  it.each([
    [2, 2, [3], ['1/1', '2/2', '3/3'], ['3/3']],
    [1, 1, [3, 4], ['1/1', '3/2', '4/3'], ['3/2', '4/3']],
    [0, 0, [1], ['1/1', '2/2'], []],
    [0, 0, [3], ['3/1'], ['3/1']],
  ])('a follower whose log is 1 2 takes entries after %i/%i of terms %o', (index, logTerm, terms, log, written) => {
    const follower = new Member(1, { terms: [1, 2] });
    follower.node.step(message('MsgApp', 2, 1, { term: 4, logTerm, index, entries: entriesOf(terms, index + 1) }));
    expect(follower.node.ready().entries.map(({ term, index: at }) => `${term}/${at}`)).toEqual(written);
    follower.node.advance();
    const again = new Member(1, { terms: [1, 2] });
    again.receive(message('MsgApp', 2, 1, { term: 4, logTerm, index, entries: entriesOf(terms, index + 1) }));
    expect(again.log).toEqual(log);
  });

  /** Figure 7: logs that a leader at term 8 may find. */
  const LEADER = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  it.each([
    ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b', [1, 1, 1, 4]],
    ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e', [1, 1, 1, 4, 4, 4, 4]],
    ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])('figure 7 (%s): the follower gets the log of the leader', (_, terms) => {
    const hardState = { term: 7, vote: 0, commit: 0 };
    const network = new Network(
      new Member(1, { terms: LEADER, hardState: { ...hardState, commit: 3 } }),
      new Member(2, { terms, hardState }),
    );
    // The third one votes, and has nothing to say otherwise.
    network.at(1).node.campaign();
    network.settle();
    network.at(1).node.step(message('MsgVoteResp', 3, 1, { term: 8 }));
    network.settle();
    expect(network.at(1).role).toBe('StateLeader');
    network.propose(1, 'the first of term 8');
    expect(network.at(2).log).toEqual(network.at(1).log);
  });
});

describe('section 5.4: safety', () => {
  it.each([
    [[1], 2],
    [[1, 2], 3],
  ])('a request for a vote says where the log of terms %o ends', (terms, term) => {
    const member = new Member(1, { terms, hardState: { term: term - 1, vote: 0, commit: 0 } });
    member.node.campaign();
    const requests = member.flush();
    expect(requests).toMatchObject(
      [2, 3].map((to) => ({ type: 'MsgVote', to, term, index: terms.length, logTerm: terms.at(-1) })),
    );
  });

  it.each([
    [[1], 1, 1, false],
    [[1], 1, 2, false],
    [[1, 1], 1, 1, true],
    [[1], 2, 1, false],
    [[1], 2, 2, false],
    [[1, 1], 2, 1, false],
    [[2], 1, 1, true],
    [[2], 1, 2, true],
    [[2, 1], 1, 1, true],
  ])(
    'a voter whose log is %o answers a candidate whose log ends in %i/%i with reject %s',
    (terms, logTerm, index, reject) => {
      const [response] = new Member(1, { terms }).receive(message('MsgVote', 2, 1, { term: 3, logTerm, index }));
      expect(response).toMatchObject({ type: 'MsgVoteResp', reject });
    },
  );

  it.each([
    [1, 0],
    [2, 0],
    [3, 3],
  ])('figure 8: a majority has index %i, and commit is %i: only an entry of its own term counts', (index, commit) => {
    const leader = new Member(1, { voters: [1, 2], terms: [1, 2], hardState: { term: 2, vote: 0, commit: 0 } }).lead();
    expect(leader.term).toBe(3);
    leader.propose('own');
    leader.receive(message('MsgAppResp', 2, 1, { term: 3, index }));
    expect(leader.commit).toBe(commit);
  });
});
