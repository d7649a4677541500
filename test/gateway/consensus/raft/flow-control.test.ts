import { describe, expect, it } from 'vitest';
import { entryBytes, RaftError } from '../../../../gateway/consensus/raft/index.ts';
import { entry, Member, message } from './member.ts';
import { Network } from './network.ts';

/** A leader of two, the other of which it streams to. */
function streaming(options = {}): Member {
  const leader = new Member(1, { voters: [1, 2], ...options }).lead();
  leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 1 }));
  expect(leader.progressOf(2).state).toBe('StateReplicate');
  return leader;
}

function sentTo2(messages: readonly { type: string; to: number; entries: unknown[] }[]): number[] {
  return messages.filter(({ type, to }) => type === 'MsgApp' && to === 2).map(({ entries }) => entries.length);
}

describe('flow control', () => {
  it('a probe is one append, and heartbeats let out one more', () => {
    const leader = new Member(1, { voters: [1, 2] }).lead();
    expect(leader.progressOf(2).state).toBe('StateProbe');
    for (let at = 0; at < 3; at++) expect(sentTo2(leader.propose('x'))).toEqual([]);
    expect(sentTo2(leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 1 })))).toEqual([4]);
    expect(sentTo2(leader.propose('x'))).toEqual([]);
  });

  it('it streams until the window is full, and an answer opens it', () => {
    const leader = streaming({ maxInflightMsgs: 3 });
    for (let at = 0; at < 3; at++) expect(sentTo2(leader.propose('x'))).toEqual([1]);
    expect(leader.progressOf(2).isPaused).toBe(true);
    for (let at = 0; at < 5; at++) expect(sentTo2(leader.propose('x'))).toEqual([]);
    // Index 2 was the first of the three; what has gathered goes in one message.
    expect(sentTo2(leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 2 }))).reduce((a, b) => a + b)).toBe(5);
    expect(leader.progressOf(2).isPaused).toBe(true);
  });

  it('an old answer opens nothing', () => {
    const leader = streaming({ maxInflightMsgs: 2 });
    for (let at = 0; at < 3; at++) leader.propose('x');
    leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 3 }));
    expect(sentTo2(leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 2 })))).toEqual([]);
  });

  it('with a full window a heartbeat lets out an empty append, so that a loss of all is found out', () => {
    const leader = streaming({ maxInflightMsgs: 2 });
    for (let at = 0; at < 3; at++) leader.propose('x');
    const sent = leader.receive(message('MsgHeartbeatResp', 2, 1, { term: 1 }));
    expect(sentTo2(sent)).toEqual([0]);
  });

  it('the window is one of bytes as well', () => {
    const leader = streaming({ maxInflightBytes: 10, maxSizePerMsg: 10 });
    expect(sentTo2(leader.propose('123456'))).toEqual([1]);
    expect(sentTo2(leader.propose('123456'))).toEqual([1]);
    expect(sentTo2(leader.propose('123456'))).toEqual([]);
    leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 3 }));
    expect(leader.progressOf(2).next).toBe(5);
  });

  it('a message holds entries up to maxSizePerMsg, and several go out at once', () => {
    const bytes = entryBytes(entry(1, 2, 'x'));
    const leader = new Member(1, { voters: [1, 2], maxSizePerMsg: 2 * bytes }).lead();
    for (let at = 0; at < 5; at++) leader.propose('x');
    expect(sentTo2(leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 1 })))).toEqual([2, 2, 1]);
  });

  it('a member that cannot be reached is probed again, from what it has', () => {
    const leader = streaming();
    for (let at = 0; at < 3; at++) leader.propose('x');
    expect(leader.progressOf(2).next).toBe(5);
    leader.node.reportUnreachable(2);
    expect(leader.progressOf(2)).toMatchObject({ state: 'StateProbe', next: 2 });
  });

  it('what is uncommitted is bounded, but one proposal and empty ones always pass', () => {
    const leader = streaming({ maxUncommittedEntriesSize: 5 });
    leader.propose('1234567');
    expect(() => leader.propose('1')).toThrow(RaftError);
    leader.propose('');
    leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 3 }));
    leader.propose('123');
    leader.propose('12');
    expect(() => leader.propose('1')).toThrow('dropped');
  });

  it('ready() gives committed entries within maxCommittedSizePerReady, and the rest with the next', () => {
    const bytes = entryBytes(entry(1, 2, 'x'));
    const member = new Member(1, { voters: [1], maxCommittedSizePerReady: 2 * bytes }).lead();
    for (let at = 0; at < 5; at++) member.node.propose(new TextEncoder().encode('x'));
    const counts: number[] = [];
    while (member.node.hasReady()) {
      const ready = member.node.ready();
      member.storage.append(ready.entries);
      counts.push(ready.committedEntries.length);
      member.node.advance();
    }
    expect(counts.filter((count) => count > 0)).toEqual([2, 2, 1]);
  });
});

describe('proposals', () => {
  it('a follower hands them to its leader, and drops them without one', () => {
    const network = Network.of(3).campaign(1);
    network.propose(2, 'from two');
    expect(network.at(3).appliedTexts).toEqual(['from two']);
    expect(() => new Member(1).propose('x')).toThrow('dropped');
  });

  it('unless it is told not to', () => {
    const network = Network.of(3, { disableProposalForwarding: true }).campaign(1);
    expect(() => network.at(2).propose('x')).toThrow('dropped');
  });

  it('a proposal that the network brings twice is two entries, and the message stays as it was', () => {
    const leader = new Member(1, { voters: [1] }).lead();
    const proposal = message('MsgProp', 2, 1, { entries: [entry(0, 0, 'twice')] });
    leader.receive(proposal);
    leader.receive(proposal);
    expect(leader.log).toEqual(['1/1', '1/2', '1/3']);
    expect(proposal.entries).toEqual([entry(0, 0, 'twice')]);
  });
});
