import { describe, expect, it } from 'vitest';
import type { ConfChangeSingle, ConfChangeTransition, ConfChangeV2 } from '../../../../gateway/consensus/raft/index.ts';
import { confState, Member, message } from './member.ts';
import { Network } from './network.ts';

const NO_CONTEXT = new Uint8Array(0);

function add(nodeId: number): ConfChangeSingle {
  return { type: 'ConfChangeAddNode', nodeId };
}

function remove(nodeId: number): ConfChangeSingle {
  return { type: 'ConfChangeRemoveNode', nodeId };
}

function learner(nodeId: number): ConfChangeSingle {
  return { type: 'ConfChangeAddLearnerNode', nodeId };
}

function changeOf(
  changes: ConfChangeSingle[],
  transition: ConfChangeTransition = 'ConfChangeTransitionAuto',
): ConfChangeV2 {
  return { changes, transition, context: NO_CONTEXT };
}

const LEAVE = changeOf([]);

/** Members of the group as one of them knows them, for example (1 2 3)&&(1 2). */
function members(member: Member): string {
  return member.node.status().config.voters.toString();
}

/** A group in which 1 leads two, and 3 and 4 are there, but no members. */
function group(options = {}): Network {
  const known = [1, 2].map((id) => new Member(id, { voters: [1, 2], ...options }));
  const strangers = [3, 4].map((id) => new Member(id, { voters: [1, 2], ...options }));
  return new Network(...known, ...strangers).campaign(1);
}

function change(network: Network, proposed: ConfChangeV2): void {
  network.at(1).node.proposeConfChange(proposed);
  network.settle().tick(1);
}

describe('a change of one member', () => {
  it('adds a voter, which gets the whole log', () => {
    const network = group().propose(1, 'before');
    network.at(1).node.proposeConfChange({ ...add(3), context: new TextEncoder().encode('address') });
    network.settle().tick(1);
    expect([1, 2, 3].map((id) => members(network.at(id)))).toEqual(['(1 2 3)', '(1 2 3)', '(1 2 3)']);
    expect(network.at(3).appliedTexts[0]).toBe('before');
  });

  it('adds a learner, which gets the log and does not count', () => {
    const network = group();
    change(network, changeOf([learner(3)]));
    expect(network.at(3).commit).toBe(network.at(1).commit);
    network.cut(1, 2);
    const before = network.at(1).commit;
    network.propose(1, 'by one and a learner');
    expect(network.at(1).commit).toBe(before);
  });

  it('a second one waits until the first is applied, and becomes an empty entry', () => {
    const leader = group().at(1);
    leader.node.proposeConfChange(changeOf([add(3)]));
    leader.node.proposeConfChange(changeOf([add(4)]));
    leader.flush();
    const [first, second] = leader.storage.entries(2, 4, Number.POSITIVE_INFINITY);
    expect([first!.type, second!.type, second!.data.length]).toEqual(['EntryConfChangeV2', 'EntryNormal', 0]);
  });

  it('unless it is told not to check', () => {
    const leader = group({ disableConfChangeValidation: true }).at(1);
    leader.node.proposeConfChange(changeOf([add(3)]));
    leader.node.proposeConfChange(changeOf([add(4)]));
    leader.flush();
    expect(leader.storage.entries(2, 4, Number.POSITIVE_INFINITY).map(({ type }) => type)).toEqual([
      'EntryConfChangeV2',
      'EntryConfChangeV2',
    ]);
  });

  it('a follower with a change to apply does not stand for election', () => {
    const follower = new Member(1);
    const { node } = Network.of(3).campaign(1).at(1);
    node.proposeConfChange(changeOf([add(4)]));
    const { entries } = node.ready();
    follower.node.step(message('MsgApp', 2, 1, { term: 1, entries: [{ ...entries[0]!, index: 1 }], commit: 1 }));
    follower.node.campaign();
    expect(follower.role).toBe('StateFollower');
    follower.flush();
    follower.node.campaign();
    expect(follower.role).toBe('StateCandidate');
  });

  it.each([
    ['stays leader, but takes in nothing new', false, 'StateLeader'],
    ['steps down if it was told to', true, 'StateFollower'],
  ])('a leader that is removed %s', (_, stepDownOnRemoval, role) => {
    const network = group({ stepDownOnRemoval });
    change(network, changeOf([remove(1)]));
    expect(network.at(1).role).toBe(role);
    expect(() => network.at(1).propose('x')).toThrow('dropped');
    network.tick(2, 20);
    expect(network.at(2).role).toBe('StateLeader');
  });

  it('with fewer to agree, what waited is committed', () => {
    const network = Network.of(3).campaign(1).isolate(3).cut(1, 2);
    network.propose(1, 'waits');
    const before = network.at(1).commit;
    network.at(1).node.applyConfChange(changeOf([remove(2)]));
    network.at(1).node.applyConfChange(changeOf([remove(3)]));
    expect(network.at(1).commit).toBe(before + 1);
  });

  it('one that does not fit the members is refused, and nothing is changed', () => {
    const member = new Member(1, { voters: [1] });
    expect(() => member.node.applyConfChange(changeOf([remove(1)]))).toThrow('removed all voters');
    expect(() => member.node.applyConfChange(LEAVE)).toThrow("can't leave a non-joint config");
    expect(members(member)).toBe('(1)');
  });

  it('ends a transfer to whom it removes', () => {
    const network = Network.of(3).campaign(1).isolate(3);
    network.at(1).node.transferLeader(3);
    network.at(1).node.applyConfChange(changeOf([remove(3)]));
    expect(network.at(1).node.basicStatus().leadTransferee).toBe(0);
  });

  it('answers of whoever is no member are refused', () => {
    const leader = new Member(1).lead();
    expect(() => leader.receive(message('MsgAppResp', 9, 1, { term: 1, index: 1 }))).toThrow('no member');
    expect(() => leader.receive(message('MsgHup', 2, 1))).toThrow('MsgHup came from 2');
  });
});

describe('joint consensus (thesis, section 4.3)', () => {
  it.each(['ConfChangeTransitionAuto', 'ConfChangeTransitionJointImplicit'] as const)(
    '%s: several members at once, and the joint configuration is left without being asked',
    (transition) => {
      const network = group();
      change(network, changeOf([add(3), add(4), remove(2)], transition));
      expect([1, 3, 4].map((id) => members(network.at(id)))).toEqual(['(1 3 4)', '(1 3 4)', '(1 3 4)']);
    },
  );

  it('an explicit one stays until it is left', () => {
    const network = group();
    change(network, changeOf([add(3), remove(2)], 'ConfChangeTransitionJointExplicit'));
    expect(members(network.at(1))).toBe('(1 3)&&(1 2)');
    change(network, changeOf([add(4)]));
    expect(members(network.at(1))).toBe('(1 3)&&(1 2)');
    change(network, LEAVE);
    expect(members(network.at(1))).toBe('(1 3)');
    change(network, LEAVE);
    expect(members(network.at(1))).toBe('(1 3)');
  });

  it('while it is joint both halves have to agree', () => {
    const network = group();
    change(network, changeOf([add(3), add(4), remove(2)], 'ConfChangeTransitionJointExplicit'));
    const before = network.at(1).commit;
    network.isolate(2).propose(1, 'without the old half');
    expect(network.at(1).commit).toBe(before);
    network.recover().isolate(3).isolate(4).tick(1).propose(1, 'without the new half');
    // Only the first, which the new half has acknowledged already.
    expect(network.at(1).commit).toBe(before + 1);
    network.recover().tick(1, 2);
    expect(network.at(1).commit).toBe(before + 2);
  });

  it('a voter of the old half that becomes a learner is one when it is left', () => {
    const network = group();
    change(network, changeOf([learner(2), add(3)], 'ConfChangeTransitionJointExplicit'));
    expect(network.at(1).progressOf(2).isLearner).toBe(false);
    change(network, LEAVE);
    expect(network.at(1).progressOf(2).isLearner).toBe(true);
  });

  it('a leader that takes over in the middle leaves it', () => {
    const network = group();
    const leader = network.at(1);
    // 1 applies the change and dies before it can leave.
    leader.node.proposeConfChange(changeOf([add(3), add(4)]));
    network.ignore('MsgProp').cut(1, 3).cut(1, 4).settle();
    expect(members(network.at(2))).toBe('(1 2 3 4)&&(1 2)');
    network.recover().campaign(2);
    network.tick(2, 2);
    expect([1, 2, 3, 4].map((id) => members(network.at(id)))).toEqual(Array(4).fill('(1 2 3 4)'));
  });

  it('is restored from a snapshot', () => {
    const follower = new Member(1);
    const joint = { ...confState([1, 3]), votersOutgoing: [1, 2], learnersNext: [2], autoLeave: true };
    const snapshot = { metadata: { index: 5, term: 1, confState: joint }, data: NO_CONTEXT };
    follower.receive(message('MsgSnap', 2, 1, { term: 1, snapshot }));
    const { voters, learnersNext, autoLeave } = follower.node.status().config;
    expect([voters.toString(), learnersNext.sorted(), autoLeave]).toEqual(['(1 3)&&(1 2)', [2], true]);
  });
});
