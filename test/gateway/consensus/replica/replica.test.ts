import { describe, expect, test } from 'vitest';
import { Bench, NOTHING, TICK_MS } from './bench.ts';

const TEXTS_OF = (bench: Bench): string[][] => [...bench.members.values()].map(({ machine }) => machine.texts);

describe('proposals', () => {
  test('are answered once, where they were asked, and applied everywhere', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    bench.propose(2, 'r1', 'a');
    bench.settle();
    bench.tick(50);
    expect(bench.member(2).answersTo('r1')).toEqual([{ type: 'answer', id: 'r1', answer: 1 }]);
    expect(bench.member(1).answersTo('r1')).toEqual([]);
    expect(TEXTS_OF(bench)).toEqual([['a'], ['a'], ['a']]);
  });

  test('that are lost are proposed again, and take effect once though both arrive', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    // The leader takes it in, and the follower does not hear of it in time.
    bench.isLost = ({ type, to }) => type === 'MsgApp' && to === 2;
    bench.propose(2, 'r1', 'a');
    bench.settle();
    bench.tick(25);
    expect(bench.member(2).answersTo('r1')).toEqual([]);
    bench.isLost = () => false;
    bench.tick(10);
    expect(bench.member(2).answersTo('r1')).toEqual([{ type: 'answer', id: 'r1', answer: 1 }]);
    expect(TEXTS_OF(bench)).toEqual([['a'], ['a'], ['a']]);
    const proposed = bench.member(1).disk.found.entries.filter(({ data }) => data.length > 0);
    expect(proposed.length).toBeGreaterThan(1);
  });

  test('go to the next leader when the first one is gone', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    bench.isLost = ({ from, to }) => from === 1 || to === 1;
    bench.propose(2, 'r1', 'a');
    bench.settle();
    bench.tick(60);
    expect(bench.leader.replica.id).not.toBe(1);
    expect(bench.member(2).answersTo('r1')).toHaveLength(1);
  });

  test('are COORDINATION_TIMEOUT when they may take effect, and COORDINATION_UNAVAILABLE when they cannot', () => {
    const bench = new Bench([1, 2, 3]);
    bench.propose(2, 'never', 'a', 5 * TICK_MS);
    bench.tick(6);
    expect(bench.member(2).refusalOf('never')).toBe('COORDINATION_UNAVAILABLE');
    bench.elect(1);
    bench.isLost = ({ type }) => type === 'MsgApp';
    bench.propose(1, 'perhaps', 'b', 5 * TICK_MS);
    bench.settle();
    bench.tick(4);
    expect(bench.member(1).answersTo('perhaps')).toEqual([]);
    bench.tick(2);
    expect(bench.member(1).refusalOf('perhaps')).toBe('COORDINATION_TIMEOUT');
    bench.isLost = () => false;
    bench.tick(10);
    expect(bench.member(1).answersTo('perhaps')).toHaveLength(1);
    expect(bench.member(1).machine.texts).toEqual(['b']);
  });

  test('beyond the bound are refused, and taken again when there is room', () => {
    const bench = new Bench([1, 2, 3], { requestsMax: 2 });
    bench.elect(1);
    bench.isLost = ({ type }) => type === 'MsgApp';
    for (const id of ['r1', 'r2', 'r3']) bench.propose(1, id, id);
    expect(bench.member(1).refusalOf('r3')).toBe('COORDINATION_REJECTED');
    bench.isLost = () => false;
    bench.tick(10);
    bench.propose(1, 'r4', 'r4');
    bench.settle();
    expect(bench.member(1).answersTo('r4')).toMatchObject([{ type: 'answer' }]);
  });

  test('are not answered before they are on the disks of a majority', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    for (const id of [2, 3]) bench.member(id).isDiskStuck = true;
    bench.propose(1, 'r1', 'a');
    bench.settle();
    bench.tick(3);
    expect(bench.member(1).answersTo('r1')).toEqual([]);
    bench.unstick(bench.member(2));
    bench.tick(2);
    expect(bench.member(1).answersTo('r1')).toHaveLength(1);
  });
});

describe('reads', () => {
  test('that come while a round is under way share the next', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    let rounds = 0;
    bench.isLost = ({ type, context, to }) => {
      if (type === 'MsgHeartbeat' && (context?.length ?? 0) > 0 && to === 2) rounds += 1;
      return false;
    };
    for (let n = 0; n < 20; n++) bench.read(1, `q${n}`);
    bench.settle();
    for (let n = 0; n < 20; n++) expect(bench.member(1).answersTo(`q${n}`)).toMatchObject([{ type: 'answer' }]);
    expect(rounds).toBe(2);
  });

  test('see what was acknowledged before them at another member', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    bench.isLost = ({ type, to }) => type === 'MsgApp' && to === 3;
    bench.propose(1, 'r1', 'a');
    bench.settle();
    expect(bench.member(1).answersTo('r1')).toHaveLength(1);
    bench.read(3, 'q1');
    bench.settle();
    expect(bench.member(3).answersTo('q1')).toEqual([]);
    bench.isLost = () => false;
    bench.tick(10);
    expect(bench.member(3).answersTo('q1')).toEqual([{ type: 'answer', id: 'q1', answer: ['a'] }]);
  });

  test('of a leader that is cut off are refused in time, and never answered', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    bench.isLost = ({ from, to }) => from === 1 || to === 1;
    bench.read(1, 'q1', 'linearizable', 10 * TICK_MS);
    bench.settle();
    bench.tick(11);
    expect(bench.member(1).answersTo('q1')).toMatchObject([{ type: 'refuse', code: 'COORDINATION_TIMEOUT' }]);
  });

  test('go on when question or answer was lost', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    bench.isLost = ({ type }) => type === 'MsgReadIndexResp';
    bench.read(2, 'q1');
    bench.settle();
    bench.isLost = () => false;
    bench.tick(25);
    expect(bench.member(2).answersTo('q1')).toHaveLength(1);
  });
});

describe('lease reads', () => {
  const isAnsweredAtOnce = (bench: Bench, id: number, request: string): boolean => {
    bench.read(id, request, 'lease');
    return bench.member(id).answersTo(request).length === 1;
  };

  test('ask the others unless the option is on', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    bench.tick(5);
    expect(isAnsweredAtOnce(bench, 1, 'q1')).toBe(false);
  });

  test('are answered at once by a leader that a majority has answered lately, and not for longer', () => {
    const bench = new Bench([1, 2, 3], { leaseReads: true });
    bench.elect(1);
    bench.tick(5);
    expect(isAnsweredAtOnce(bench, 1, 'q1')).toBe(true);
    expect(isAnsweredAtOnce(bench, 2, 'q2')).toBe(false);
    bench.isLost = ({ from, to }) => from === 1 || to === 1;
    bench.nowMs += 9 * TICK_MS;
    expect(isAnsweredAtOnce(bench, 1, 'q3')).toBe(false);
  });

  test('are not while a successor is asked for, nor when that came to nothing', () => {
    const bench = new Bench([1, 2, 3], { leaseReads: true });
    bench.elect(1);
    bench.tick(5);
    // The request to stand may arrive at any time, and the votes for it are given whatever the lease.
    bench.isLost = ({ type }) => type === 'MsgTimeoutNow';
    bench.step(1, { type: 'transfer', to: 2 });
    expect(isAnsweredAtOnce(bench, 1, 'q1')).toBe(false);
    bench.tick(30);
    expect(bench.leader.replica.id).toBe(1);
    expect(isAnsweredAtOnce(bench, 1, 'q2')).toBe(false);
    bench.isLost = () => false;
    bench.elect(2);
    bench.tick(30);
    bench.step(1, { type: 'transfer', to: 2 });
    bench.settle();
    bench.tick(10);
    expect(isAnsweredAtOnce(bench, bench.leader.replica.id, 'q3')).toBe(true);
  });
});

describe('a candidate', () => {
  test('asks for votes once its own is on disk, so that it never wins one term twice', () => {
    const bench = new Bench([1, 2, 3]);
    const candidate = bench.member(1);
    candidate.isDiskStuck = true;
    bench.step(1, { type: 'stand' });
    bench.settle();
    expect(candidate.replica.status).toMatchObject({ role: 'StateCandidate', term: 2 });
    expect(bench.member(2).replica.term).toBe(1);
    expect(candidate.disk.found.hardState.term).toBe(1);
    bench.unstick(candidate);
    bench.settle();
    expect(candidate.disk.found.hardState).toMatchObject({ term: 2, vote: 1 });
    expect(candidate.replica.role).toBe('StateLeader');
  });
});

describe('the end of a leader', () => {
  test('whose process has died is followed by an election at once, without waiting for the time-out', () => {
    const bench = new Bench([1, 2, 3], { electionTicks: 100 });
    bench.elect(1);
    bench.tick(2);
    bench.members.delete(1);
    for (const id of [2, 3]) bench.step(id, { type: 'dead', peer: 1 });
    bench.tick(8);
    expect(bench.leader.replica.id).toBe(2);
  });

  test('is believed of the leader alone, and not with lease reads', () => {
    for (const [peer, leaseReads] of [
      [3, false],
      [1, true],
    ] as const) {
      const bench = new Bench([1, 2, 3], { electionTicks: 100, leaseReads });
      bench.elect(1);
      const { term } = bench.member(2).replica.status;
      bench.step(2, { type: 'dead', peer });
      bench.tick(20);
      expect(bench.member(2).replica.status).toMatchObject({ role: 'StateFollower', term, lead: 1 });
    }
  });

  test('ends its duties, and those of the next begin when it has applied what was agreed on', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    expect(bench.member(1).dutyCalls).toEqual(['begin']);
    bench.step(1, { type: 'transfer', to: 2 });
    bench.settle();
    bench.tick(5);
    expect(bench.member(1).dutyCalls).toEqual(['begin', 'end']);
    expect(bench.member(2).dutyCalls).toEqual(['begin']);
  });
});

describe('checkpoints', () => {
  test('cut the log behind them, and a member that was away gets one and has its state replaced', () => {
    const bench = new Bench([1, 2, 3], { checkpointEntries: 20, trailingEntries: 5 });
    const leader = bench.elect(1);
    bench.isLost = ({ from, to }) => from === 3 || to === 3;
    for (let n = 0; n < 50; n++) {
      bench.propose(1, `r${n}`, `t${n}`);
      bench.settle();
      bench.confirmCheckpoints(leader);
    }
    expect(leader.replica.storage.firstIndex()).toBeGreaterThan(30);
    bench.isLost = () => false;
    bench.tick(30);
    expect(bench.member(3).told.filter(({ type }) => type === 'restored')).toHaveLength(1);
    expect(bench.member(3).machine.texts).toEqual(leader.machine.texts);
    expect(leader.machine.texts).toHaveLength(50);
  });

  test('come one at a time, and the log stays until one is on disk', () => {
    const bench = new Bench([1], { checkpointEntries: 5, trailingEntries: 0 });
    const one = bench.elect(1);
    for (let n = 0; n < 30; n++) bench.propose(1, `r${n}`, `t${n}`);
    expect(one.checkpointing).toHaveLength(1);
    expect(one.replica.storage.firstIndex()).toBe(2);
    bench.confirmCheckpoints(one);
    expect(one.replica.storage.firstIndex()).toBeGreaterThan(2);
    expect(one.checkpointing).toHaveLength(1);
  });
});

describe('the members', () => {
  const learner = { change: 'add', name: 'g4', address: 'host-4:1', role: 'learner' } as const;
  const voter = { ...learner, role: 'voter' } as const;
  const rolesOf = (bench: Bench, id: number): string[] =>
    bench.member(id).replica.status.members.map((member) => `${member.id} ${member.name} ${member.role}`);

  test('grow by a learner that is promoted, and shrink', () => {
    const bench = new Bench([1, 2, 3]);
    const leader = bench.elect(1);
    bench.propose(1, 'r1', 'a');
    bench.start(4, NOTHING);
    bench.changeMembers(2, 'c1', [learner]);
    bench.settle();
    for (const member of bench.members.values()) bench.confirmCheckpoints(member);
    bench.tick(40);
    expect(bench.member(4).machine.texts).toEqual(['a']);
    expect(rolesOf(bench, 4)).toEqual(['1 g1 voter', '2 g2 voter', '3 g3 voter', '4 g4 learner']);
    bench.changeMembers(2, 'c2', [voter]);
    bench.settle();
    bench.tick(5);
    bench.changeMembers(2, 'c3', [{ change: 'remove', name: 'g3' }]);
    bench.settle();
    bench.tick(5);
    expect(rolesOf(bench, 1)).toEqual(['1 g1 voter', '2 g2 voter', '4 g4 voter']);
    for (const id of ['c1', 'c2', 'c3']) expect(bench.member(2).answersTo(id)).toMatchObject([{ type: 'answer' }]);
    expect(leader.replica.status.role).toBe('StateLeader');
  });

  test('are replaced several at once, by a joint configuration that is left by itself', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    bench.start(4, NOTHING);
    bench.changeMembers(1, 'c1', [voter, { change: 'remove', name: 'g3' }]);
    // While it is joint no other change is taken.
    bench.isLost = ({ to, from }) => to === 2 || from === 2 || to === 3 || from === 3;
    bench.settle();
    bench.isLost = () => false;
    for (const member of bench.members.values()) bench.confirmCheckpoints(member);
    for (let n = 0; n < 10; n++) {
      bench.tick(5);
      for (const member of bench.members.values()) bench.confirmCheckpoints(member);
    }
    expect(rolesOf(bench, 1)).toEqual(['1 g1 voter', '2 g2 voter', '4 g4 voter']);
  });

  test('that are planned at two gateways at once do not get one id: the second is refused', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    // Member 3 has not heard of the first change when it plans the second.
    bench.isLost = ({ type, to }) => type === 'MsgApp' && to === 3;
    bench.changeMembers(2, 'c1', [learner]);
    bench.settle();
    bench.changeMembers(3, 'c2', [{ ...learner, name: 'g5', address: 'host-5:1' }]);
    bench.settle();
    bench.isLost = () => false;
    bench.tick(20);
    expect(bench.member(3).refusalOf('c2')).toBe('MEMBER_CHANGE_REFUSED');
    for (const id of [1, 2, 3]) {
      const { members } = bench.member(id).replica.status;
      expect(members.find(({ id: each }) => each === 4)).toMatchObject({ name: 'g4', address: 'host-4:1' });
      expect(members.map(({ name }) => name)).not.toContain('g5');
    }
  });

  test('that were removed and come back have another id', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    for (const [nth, change] of [
      { change: 'remove', name: 'g3' } as const,
      { change: 'add', name: 'g3', address: 'host-3:1', role: 'learner' } as const,
    ].entries()) {
      bench.changeMembers(1, `c${nth}`, [change]);
      bench.settle();
      bench.tick(5);
    }
    expect(rolesOf(bench, 2)).toEqual(['1 g1 voter', '2 g2 voter', '4 g3 learner']);
  });

  test.each([
    ['one that is no member cannot go', [{ change: 'remove', name: 'g9' }]],
    ['one that is there need not come', [{ change: 'add', name: 'g2', address: 'host-2:1', role: 'voter' }]],
    ['one is named once', [learner, voter]],
    ['somebody has to stay', [1, 2, 3].map((id) => ({ change: 'remove', name: `g${id}` }))],
  ] as const)('%s', (_, changes) => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    bench.changeMembers(1, 'c1', [...changes] as Parameters<Bench['changeMembers']>[2]);
    bench.settle();
    bench.tick(5);
    expect(bench.member(1).refusalOf('c1')).toBe('MEMBER_CHANGE_REFUSED');
    expect(rolesOf(bench, 1)).toHaveLength(3);
  });

  test('a leader that is removed steps down, and the others elect another', () => {
    const bench = new Bench([1, 2, 3]);
    bench.elect(1);
    bench.changeMembers(1, 'c1', [{ change: 'remove', name: 'g1' }]);
    bench.settle();
    expect(bench.member(1).replica.status.role).toBe('StateFollower');
    bench.tick(60);
    expect(bench.leader.replica.id).not.toBe(1);
    expect(rolesOf(bench, bench.leader.replica.id)).toEqual(['2 g2 voter', '3 g3 voter']);
    const { term } = bench.leader.replica.status;
    bench.tick(100);
    expect(bench.leader.replica.status.term).toBe(term);
  });
});

describe('a restart', () => {
  test('from what is on disk after any batch gives a member that knows all that it had confirmed', () => {
    const bench = new Bench([1, 2, 3], { checkpointEntries: 7, trailingEntries: 2 });
    const leader = bench.elect(1);
    for (let n = 0; n < 30; n++) {
      bench.propose(1 + (n % 3), `r${n}`, `t${n}`);
      bench.settle();
      if (n === 15) bench.elect(2);
      if (n % 4 === 0) for (const member of bench.members.values()) bench.confirmCheckpoints(member);
      bench.tick();
    }
    bench.tick(30);
    expect(leader.machine.texts).toHaveLength(30);
    const { batches } = leader.disk;
    expect(batches.length).toBeGreaterThan(30);
    for (const recovered of batches) {
      const again = new Bench([1, 2, 3], {}, 'again');
      const restarted = again.start(1, recovered);
      const { status } = restarted.replica;
      expect(status.term).toBe(recovered.hardState.term);
      restarted.replica.step({ type: 'tick' }, 0);
      const commit = Math.max(recovered.hardState.commit, recovered.snapshot?.metadata.index ?? 0);
      expect(restarted.replica.status.applied).toBe(commit);
      expect(leader.machine.texts.slice(0, restarted.machine.texts.length)).toEqual(restarted.machine.texts);
    }
  });
});
