import { describe, expect, it } from 'vitest';
import { MemoryStorage, type Snapshot, StorageError } from '../../../../gateway/consensus/raft/index.ts';
import { confState, entriesOf, entry, Member, message } from './member.ts';
import { Network } from './network.ts';

function snapshotAt(index: number, term: number, voters = [1, 2]): Snapshot {
  return { metadata: { index, term, confState: confState(voters) }, data: new Uint8Array([1]) };
}

/** A leader of two whose log begins at 12, so that the other needs the snapshot of 11. */
function compactedLeader(storage = new MemoryStorage()): Member {
  storage.applySnapshot(snapshotAt(11, 1));
  storage.setHardState({ term: 1, vote: 0, commit: 11 });
  const leader = new Member(1, { storage, applied: 11 }).lead();
  leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 2 }));
  return leader;
}

describe('a leader', () => {
  it('sends a snapshot to a member that needs what is compacted, and nothing else meanwhile', () => {
    const leader = compactedLeader();
    const sent = leader.receive(
      message('MsgAppResp', 2, 1, { term: 2, index: 11, reject: true, rejectHint: 3, logTerm: 1 }),
    );
    expect(sent).toMatchObject([{ type: 'MsgSnap', to: 2, snapshot: { metadata: { index: 11 } } }]);
    expect(leader.progressOf(2)).toMatchObject({ state: 'StateSnapshot', pendingSnapshot: 11, isPaused: true });
    expect(leader.propose('x').filter(({ to }) => to === 2)).toEqual([]);
  });

  it.each([
    ['has arrived', true, 12],
    ['has failed', false, 1],
  ])('probes on when it is told that it %s', (_, isDelivered, next) => {
    const leader = compactedLeader();
    leader.receive(message('MsgAppResp', 2, 1, { term: 2, index: 11, reject: true, rejectHint: 0 }));
    leader.node.reportSnapshot(2, isDelivered);
    expect(leader.progressOf(2)).toMatchObject({
      state: 'StateProbe',
      next,
      pendingSnapshot: 0,
      msgAppFlowPaused: true,
    });
  });

  it('streams again when the member has answered, whichever snapshot it took', () => {
    const leader = compactedLeader();
    leader.receive(message('MsgAppResp', 2, 1, { term: 2, index: 11, reject: true, rejectHint: 0 }));
    leader.receive(message('MsgAppResp', 2, 1, { term: 2, index: 11 }));
    expect(leader.progressOf(2)).toMatchObject({ state: 'StateReplicate', match: 11 });
  });

  it('waits on when the member answers from before the log that is left', () => {
    const leader = compactedLeader();
    leader.receive(message('MsgAppResp', 2, 1, { term: 2, index: 11, reject: true, rejectHint: 0 }));
    // A second snapshot would be sent in vain: the first is on its way.
    expect(leader.receive(message('MsgAppResp', 2, 1, { term: 2, index: 5 }))).toEqual([]);
    expect(leader.progressOf(2)).toMatchObject({ state: 'StateSnapshot', match: 5, pendingSnapshot: 11 });
  });

  it('does not send one to a member that is not heard of, nor when there is none at the moment', () => {
    class Busy extends MemoryStorage {
      isBusy = false;
      override snapshot(): Snapshot {
        if (this.isBusy) throw new StorageError('snapshotTemporarilyUnavailable');
        return super.snapshot();
      }
    }
    const storage = new Busy();
    const leader = compactedLeader(storage);
    storage.isBusy = true;
    const needs = message('MsgAppResp', 2, 1, { term: 2, index: 11, reject: true, rejectHint: 0 });
    expect(leader.receive(needs)).toEqual([]);
    expect(leader.progressOf(2).state).toBe('StateProbe');
    storage.isBusy = false;
    expect(leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 2 }))).toMatchObject([{ type: 'MsgSnap' }]);
  });
});

describe('a follower', () => {
  it('begins anew with a snapshot, its members included', () => {
    const follower = new Member(1, { terms: [1, 1] });
    const answer = follower.receive(message('MsgSnap', 2, 1, { term: 2, snapshot: snapshotAt(11, 2, [1, 2, 4]) }));
    expect(answer).toMatchObject([{ type: 'MsgAppResp', to: 2, index: 11, reject: false }]);
    expect([follower.commit, follower.storage.firstIndex(), follower.storage.lastIndex()]).toEqual([11, 12, 11]);
    expect(follower.node.status().config.voters.incoming.sorted()).toEqual([1, 2, 4]);
    follower.receive(
      message('MsgApp', 2, 1, { term: 2, index: 11, logTerm: 2, entries: [entry(2, 12, 'on')], commit: 12 }),
    );
    expect(follower.appliedTexts).toEqual(['on']);
  });

  it('keeps its entries when they match the snapshot, and learns that they are committed', () => {
    const follower = new Member(1, { terms: [1, 1, 1] });
    const answer = follower.receive(message('MsgSnap', 2, 1, { term: 2, snapshot: snapshotAt(2, 1) }));
    expect(answer).toMatchObject([{ type: 'MsgAppResp', index: 2 }]);
    expect([follower.log, follower.commit]).toEqual([['1/1', '1/2', '1/3'], 2]);
  });

  it('ignores an old one, and one that it is no member of', () => {
    const follower = new Member(1, { terms: [1, 1, 1], hardState: { term: 1, vote: 0, commit: 2 } });
    expect(follower.receive(message('MsgSnap', 2, 1, { term: 1, snapshot: snapshotAt(1, 1) }))).toMatchObject([
      { index: 2 },
    ]);
    expect(follower.receive(message('MsgSnap', 2, 1, { term: 1, snapshot: snapshotAt(9, 1, [2, 3]) }))).toMatchObject([
      { index: 2 },
    ]);
    expect(follower.log).toEqual(['1/1', '1/2', '1/3']);
  });

  it('does not stand for election while a snapshot is being written', () => {
    const follower = new Member(1, { asyncStorageWrites: true });
    follower.node.step(message('MsgSnap', 2, 1, { term: 1, snapshot: snapshotAt(11, 1) }));
    const [append] = follower.node.ready().messages;
    follower.node.campaign();
    expect(follower.role).toBe('StateFollower');
    follower.storage.applySnapshot(append!.snapshot!);
    for (const response of append!.responses!) if (response.to === 1) follower.node.step(response);
    follower.node.campaign();
    expect(follower.role).toBe('StateCandidate');
  });
});

it('a member that was away while the log was compacted catches up by a snapshot and what follows', () => {
  const network = Network.of(3).campaign(1).isolate(3);
  for (let at = 0; at < 20; at++) network.propose(1, `entry ${at}`);
  const { storage, commit } = network.at(1);
  storage.createSnapshot(commit - 5, confState([1, 2, 3]), new Uint8Array([9]));
  storage.compact(commit - 5);
  network.recover().tick(1, 3);
  expect(network.at(3).storage.snapshot().data).toEqual(new Uint8Array([9]));
  expect(network.at(3).appliedTexts).toEqual(network.at(1).appliedTexts.slice(-5));
  network.propose(1, 'together');
  expect(network.at(3).log).toEqual(network.at(1).log);
});

it('a storage whose commit index is out of its log is refused', () => {
  const hardState = { term: 1, vote: 0, commit: 9 };
  expect(() => new Member(1, { terms: entriesOf([1, 1]).map(({ term }) => term), hardState })).toThrow('out of [0, 2]');
});
