import { describe, expect, it } from 'vitest';
import {
  describeEntry,
  describeMessage,
  describeReady,
  type Entry,
  entryBytes,
  type Message,
  RaftError,
  RaftInvariantError,
} from '../../../../gateway/consensus/raft/index.ts';
import { ELECTION_TICK, entry, Member, type MemberOptions, message } from './member.ts';

describe('ready and advance', () => {
  it('a member that has nothing to say has nothing ready', () => {
    const member = new Member(1);
    expect(member.node.hasReady()).toBe(false);
    expect(describeReady(member.node.ready())).toBe('<empty Ready>');
  });

  it('is handed out once, and not again before it is done', () => {
    const member = new Member(1, { voters: [1] });
    member.node.campaign();
    member.node.ready();
    expect(() => member.node.ready()).toThrow(RaftInvariantError);
    member.node.advance();
    expect(member.role).toBe('StateLeader');
  });

  it('says what has to be on disk before a message goes out', () => {
    const leader = new Member(1).lead();
    expect(leader.propose('x').length).toBe(0);
    expect(leader.lastReady).toMatchObject({ mustSync: true, entries: [{ index: 2 }] });
    leader.receive(message('MsgAppResp', 2, 1, { term: 1, index: 2 }));
    // The commit index alone is found again.
    expect(leader.lastReady).toMatchObject({ mustSync: false });
  });

  it('goes on after a restart where it was', () => {
    const member = new Member(1, { voters: [1] }).lead();
    member.propose('before');
    const { hardState } = member.storage.initialState();
    const again = new Member(1, { voters: [1], storage: member.storage });
    expect([again.term, again.vote, again.commit]).toEqual([hardState.term, hardState.vote, hardState.commit]);
    again.flush();
    expect(again.appliedTexts).toEqual(['before']);
    const knowing = new Member(1, { voters: [1], storage: member.storage, applied: 2 });
    knowing.flush();
    expect(knowing.applied).toEqual([]);
  });

  it('shows each member, in the order of the ids', () => {
    const leader = new Member(1, { voters: [3, 1, 2], learners: [4] }).lead();
    const seen: string[] = [];
    leader.node.withProgress((id, progress) => seen.push(`${id} ${progress}`));
    expect(seen).toEqual([
      '1 StateReplicate match=1 next=2',
      '2 StateProbe match=0 next=1 paused inactive',
      '3 StateProbe match=0 next=1 paused inactive',
      '4 StateProbe match=0 next=1 learner paused inactive',
    ]);
  });

  it('what makes no sense from outside is dropped, and does no harm', () => {
    const leader = new Member(1).lead();
    expect(() => leader.receive(message('MsgProp', 2, 1))).toThrow('dropped');
    expect(() => leader.receive(message('MsgBeat', 2, 1))).toThrow(RaftError);
    const follower = new Member(1);
    expect(follower.receive(message('MsgSnap', 2, 1, { term: 1 }))).toMatchObject([{ type: 'MsgAppResp', index: 0 }]);
  });

  it('builds no text for a log that nobody reads, and gives it to who does', () => {
    const lines: string[] = [];
    const member = new Member(1, { voters: [1], onLog: (level, line) => lines.push(`${level} ${line}`) });
    member.lead();
    expect(lines).toContain('info 1 became leader at term 1');
  });
});

describe('asynchronous storage', () => {
  function asyncMember(options: MemberOptions = {}): Member {
    return new Member(1, { voters: [1], ...options, asyncStorageWrites: true });
  }

  function only(messages: readonly Message[], type: Message['type']): Message {
    const found = messages.filter((each) => each.type === type);
    expect(found).toHaveLength(1);
    return found[0]!;
  }

  it('a vote for itself counts once it is written', () => {
    const member = asyncMember();
    member.node.campaign();
    const append = only(member.node.ready().messages, 'MsgStorageAppend');
    expect([append.term, append.vote, member.role]).toEqual([1, 1, 'StateCandidate']);
    for (const response of append.responses!) member.node.step(response);
    expect(member.role).toBe('StateLeader');
    expect(() => member.node.advance()).toThrow('asyncStorageWrites');
  });

  it('entries are committed and applied once they are written, and confirmed by both threads', () => {
    const member = asyncMember();
    member.node.campaign();
    for (const response of only(member.node.ready().messages, 'MsgStorageAppend').responses!)
      member.node.step(response);
    const append = only(member.node.ready().messages, 'MsgStorageAppend');
    expect(append.entries.map(({ index }) => index)).toEqual([1]);
    expect(member.node.hasReady()).toBe(false);
    member.storage.append(append.entries);
    for (const response of append.responses!) member.node.step(response);
    const apply = only(member.node.ready().messages, 'MsgStorageApply');
    expect([apply.entries.map(({ index }) => index), member.node.basicStatus().applied]).toEqual([[1], 0]);
    for (const response of apply.responses!) member.node.step(response);
    expect(member.node.basicStatus().applied).toBe(1);
  });

  it('what was overwritten while it was being written is not taken for stable', () => {
    const follower = asyncMember({ voters: [1, 2, 3] });
    const appendOf = (term: number, from: number): Message => {
      follower.node.step(message('MsgApp', from, 1, { term, entries: [entry(term, 1)] }));
      return only(follower.node.ready().messages, 'MsgStorageAppend');
    };
    const first = appendOf(1, 2);
    const second = appendOf(2, 3);
    for (const response of first.responses!) if (response.to === 1) follower.node.step(response);
    // The storage has not got the second one yet, so the log still gives it from memory.
    expect(follower.node.basicStatus().hardState.term).toBe(2);
    follower.node.step(message('MsgApp', 3, 1, { term: 2, index: 1, logTerm: 2, commit: 1 }));
    expect(follower.node.ready().committedEntries).toEqual([]);
    follower.storage.append(second.entries);
    for (const response of second.responses!) if (response.to === 1) follower.node.step(response);
    expect(follower.node.ready().committedEntries.map(({ term }) => term)).toEqual([2]);
  });
});

describe('sizes', () => {
  it.each<[Entry, number]>([
    // As raftpb.Entry encodes: a byte each for type tag, type, term tag, index tag, then varints and the data.
    [entry(0, 0), 6],
    [entry(1, 1, 'abc'), 6 + 2 + 3],
    [entry(128, 16_384), 4 + 2 + 3],
    [entry(1, 1, 'x'.repeat(128)), 6 + 3 + 128],
    [entry(2 ** 32, 2 ** 53 - 1), 4 + 5 + 8],
  ])('of an entry: %o', (measured, bytes) => {
    expect(entryBytes(measured)).toBe(bytes);
  });
});

describe('configuration', () => {
  it.each<[MemberOptions, string]>([
    [{ heartbeatTick: 0 }, 'heartbeatTick'],
    [{ electionTick: 1 }, 'electionTick'],
    [{ maxInflightMsgs: 0 }, 'maxInflightMsgs'],
    [{ maxSizePerMsg: 10, maxInflightBytes: 9 }, 'maxInflightBytes'],
    [{ maxCommittedSizePerReady: 0 }, 'maxCommittedSizePerReady'],
    [{ maxPendingReads: 0 }, 'maxPendingReads'],
    [{ readOnlyOption: 'ReadOnlyLeaseBased' }, 'checkQuorum'],
  ])('%o is refused', (options, named) => {
    expect(() => new Member(1, options)).toThrow(RaftError);
    expect(() => new Member(1, options)).toThrow(named);
  });

  it('an id has to be one', () => {
    expect(() => new Member(0)).toThrow('id must be 1 or more');
    expect(() => new Member(Number.MAX_SAFE_INTEGER)).toThrow('id must be 1 or more');
  });
});

describe('text', () => {
  it('of messages and entries is that of etcd', () => {
    const append = message('MsgApp', 1, 2, { term: 3, logTerm: 2, index: 7, commit: 6, entries: [entry(3, 8, 'a"b')] });
    expect(describeMessage(append)).toBe('1->2 MsgApp Term:3 Log:2/7 Commit:6 Entries:[3/8 EntryNormal "a\\"b"]');
    expect(describeEntry({ term: 1, index: 2, type: 'EntryConfChangeV2', data: new Uint8Array(0) })).toBe(
      '1/2 EntryConfChangeV2',
    );
    const refusal = message('MsgAppResp', 2, 1, { term: 3, index: 7, reject: true, rejectHint: 4, logTerm: 1 });
    expect(describeMessage(refusal)).toBe('2->1 MsgAppResp Term:3 Log:1/7 Rejected (Hint: 4)');
  });

  it('of a ready is one part after the other', () => {
    const member = new Member(1, { electionTick: ELECTION_TICK });
    member.node.campaign();
    expect(describeReady(member.node.ready())).toBe(
      [
        'Ready MustSync=true:',
        'Lead:0 State:StateCandidate',
        'HardState Term:1 Vote:1 Commit:0',
        'Messages:',
        '1->2 MsgVote Term:1 Log:0/0',
        '1->3 MsgVote Term:1 Log:0/0',
        '',
      ].join('\n'),
    );
  });
});
