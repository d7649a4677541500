import { describe, expect, it } from 'vitest';
import { ELECTION_TICK, Member, message, text } from './member.ts';
import { Network } from './network.ts';

const LEASE = { checkQuorum: true, readOnlyOption: 'ReadOnlyLeaseBased' } as const;

function bytes(word: string): Uint8Array {
  return new TextEncoder().encode(word);
}

function readsOf(member: Member): string[] {
  return member.reads.map(({ index, requestContext }) => `${text(requestContext)}@${index}`);
}

describe('ReadIndex (thesis, section 6.4)', () => {
  it.each([
    ['safe', {}],
    ['lease based', LEASE],
  ])('%s: leader and followers read at the commit index of when they asked', (_, options) => {
    const network = Network.of(3, options).campaign(1).propose(1, 'x');
    for (const id of [1, 2, 3]) {
      network.at(id).node.readIndex(bytes(`from ${id}`));
      network.settle();
      network.propose(1, 'y');
      expect(readsOf(network.at(id))).toEqual([`from ${id}@${id + 1}`]);
    }
  });

  it('a leader that a majority does not answer answers no read', () => {
    const network = Network.of(3).campaign(1).isolate(1);
    network.at(1).node.readIndex(bytes('stale'));
    network.settle().tick(1, 5);
    expect(readsOf(network.at(1))).toEqual([]);
    network.recover().tick(1, 1);
    expect(readsOf(network.at(1))).toEqual(['stale@1']);
  });

  it('a read that is confirmed confirms those before it, in their order', () => {
    const leader = Network.of(3).campaign(1).at(1);
    for (const word of ['a', 'b', 'c']) leader.node.readIndex(bytes(word));
    leader.flush();
    leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 1, context: bytes('b') }));
    expect(readsOf(leader)).toEqual(['a@1', 'b@1']);
    leader.receive(message('MsgHeartbeatResp', 3, 1, { term: 1, context: bytes('b') }));
    expect(readsOf(leader)).toEqual(['a@1', 'b@1']);
    const [heartbeat] = leader.tick();
    expect(text(heartbeat!.context!)).toBe('c');
    leader.receive(message('MsgHeartbeatResp', 3, 1, { term: 1, context: bytes('c') }));
    expect(readsOf(leader)).toEqual(['a@1', 'b@1', 'c@1']);
    expect(leader.tick()[0]!.context).toBeUndefined();
  });

  it('an answer without a context, or with another one, confirms nothing', () => {
    const leader = Network.of(3).campaign(1).at(1);
    leader.node.readIndex(bytes('a'));
    leader.flush();
    leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 1 }));
    leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 1, context: bytes('old') }));
    expect(readsOf(leader)).toEqual([]);
  });

  it.each([
    ['safe', {}],
    ['lease based', LEASE],
  ])('%s: a new leader waits for the first commit of its term', (_, options) => {
    const leader = new Member(1, options).lead();
    leader.node.readIndex(bytes('early'));
    leader.flush();
    expect(readsOf(leader)).toEqual([]);
    leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 1 }));
    leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 1, context: bytes('early') }));
    expect(readsOf(leader)).toEqual(['early@1']);
  });

  it('alone it reads at once, and a follower without a leader not at all', () => {
    const alone = new Member(1, { voters: [1] }).lead();
    alone.node.readIndex(bytes('r'));
    alone.flush();
    expect(readsOf(alone)).toEqual(['r@1']);
    const lost = new Member(1);
    lost.node.readIndex(bytes('r'));
    expect(lost.node.hasReady()).toBe(false);
  });

  it('a learner counts for nothing in a confirmation', () => {
    const leader = new Member(1, { voters: [1, 2], learners: [3] }).lead();
    leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 1 }));
    leader.node.readIndex(bytes('r'));
    leader.flush();
    leader.receive(message('MsgHeartbeatResp', 3, 1, { term: 1, context: bytes('r') }));
    expect(readsOf(leader)).toEqual([]);
    leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 1, context: bytes('r') }));
    expect(readsOf(leader)).toEqual(['r@1']);
  });

  it('reads that wait are bounded, and what is dropped is counted', () => {
    const leader = new Member(1, { maxPendingReads: 2 }).lead();
    for (const word of ['a', 'b', 'c']) leader.node.readIndex(bytes(word));
    leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 1 }));
    leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 1, context: bytes('b') }));
    expect([readsOf(leader), leader.node.basicStatus().readsDropped]).toEqual([['a@1', 'b@1'], 1]);
  });

  it('a leader that steps down forgets its reads', () => {
    const leader = Network.of(3).campaign(1).at(1);
    leader.node.readIndex(bytes('a'));
    leader.receive(message('MsgHeartbeat', 2, 1, { term: 2 }));
    leader.receive(message('MsgHeartbeatResp', 3, 1, { term: 1, context: bytes('a') }));
    expect(readsOf(leader)).toEqual([]);
  });

  it('leases need CheckQuorum, and forbid to forget the leader', () => {
    expect(() => new Member(1, { readOnlyOption: 'ReadOnlyLeaseBased' })).toThrow('checkQuorum must be on');
    const follower = new Member(1, LEASE);
    follower.receive(message('MsgHeartbeat', 2, 1, { term: 1 }));
    follower.node.forgetLeader();
    expect(follower.leader).toBe(2);
    follower.tick(ELECTION_TICK - 1);
    expect(follower.receive(message('MsgVote', 3, 1, { term: 2 }))).toEqual([]);
  });
});
