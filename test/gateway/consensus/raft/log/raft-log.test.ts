import { describe, expect, it } from 'vitest';
import { entriesBytes, entryBytes, NO_LIMIT, RaftInvariantError } from '../../../../../gateway/consensus/raft/index.ts';
import { MemoryStorage, RaftLog } from '../../../../../gateway/consensus/raft/log/index.ts';
import { confState, entriesOf, entry } from '../member.ts';

/** The first `stable` of the entries are in the storage, the rest is not. */
function logOf(terms: readonly number[], { stable = 0, committed = 0, applyingBytesMax = NO_LIMIT } = {}): RaftLog {
  const storage = new MemoryStorage();
  storage.append(entriesOf(terms.slice(0, stable)));
  const log = new RaftLog(storage, applyingBytesMax);
  log.append(entriesOf(terms.slice(stable), stable + 1));
  log.commitTo(committed);
  return log;
}

function termsOf(log: RaftLog): (number | undefined)[] {
  const terms: (number | undefined)[] = [];
  for (let index = log.firstIndex(); index <= log.lastIndex(); index++) terms.push(log.term(index));
  return terms;
}

describe('RaftLog', () => {
  it.each([
    ['a later term beats a longer log', 1, 4, true],
    ['the same term and longer', 4, 3, true],
    ['the same log', 3, 3, true],
    ['the same term and shorter', 2, 3, false],
    ['an earlier term, however long', 9, 2, false],
  ])('%s: up to date', (_, index, term, expected) => {
    expect(logOf([1, 2, 3], { stable: 2 }).isUpToDate(index, term)).toBe(expected);
  });

  /** The cases of etcd's TestLogMaybeAppend: the log is 1 2 3, committed is 1. */
  it.each([
    ['no such entry before: other term', 3, 2, [4], 3, undefined, [1, 2, 3], 1],
    ['no such entry before: beyond the end', 4, 4, [4], 3, undefined, [1, 2, 3], 1],
    ['nothing new but the commit', 3, 3, [], 3, 3, [1, 2, 3], 3],
    ['commit beyond the entries is cut', 3, 3, [], 4, 3, [1, 2, 3], 3],
    ['commit that is older is kept', 3, 3, [], 0, 3, [1, 2, 3], 1],
    ['commit up to the last new one, though there is more', 2, 2, [], 3, 2, [1, 2, 3], 2],
    ['new at the end', 3, 3, [4], 3, 4, [1, 2, 3, 4], 3],
    ['two new at the end, both committed', 3, 3, [4, 4], 5, 5, [1, 2, 3, 4, 4], 5],
    ['replaces from the conflict on', 1, 1, [4], 2, 2, [1, 4], 2],
    ['replaces from the conflict on, behind what matches', 1, 1, [2, 4], 2, 3, [1, 2, 4], 2],
  ])('maybeAppend: %s', (_, index, term, terms, committed, last, whole, commit) => {
    for (const stable of [0, 1, 2, 3]) {
      const log = logOf([1, 2, 3], { stable, committed: 1 });
      expect(log.maybeAppend(index, term, entriesOf(terms, index + 1), committed)).toBe(last);
      expect([termsOf(log), log.committed]).toEqual([whole, commit]);
    }
  });

  it('what was appended in vain leaves an end that was not sent, if nothing conflicts', () => {
    const log = logOf([1, 2, 3], { committed: 1 });
    log.maybeAppend(0, 0, entriesOf([1, 2]), 2);
    expect(termsOf(log)).toEqual([1, 2, 3]);
  });

  it('a conflict with what is committed must stop the process', () => {
    const log = logOf([1, 2, 3], { committed: 2 });
    expect(() => log.maybeAppend(1, 1, entriesOf([4], 2), 2)).toThrow(RaftInvariantError);
    expect(() => log.append([entry(4, 2)])).toThrow(RaftInvariantError);
    expect(() => log.commitTo(4)).toThrow('corrupted, truncated or lost');
  });

  /** The cases of etcd's TestFindConflictByTerm. */
  it.each([
    [[2, 2, 5, 5, 5], 100, 2, { index: 100, term: 0 }],
    [[2, 2, 5, 5, 5], 5, 6, { index: 5, term: 5 }],
    [[2, 2, 5, 5, 5], 5, 5, { index: 5, term: 5 }],
    [[2, 2, 5, 5, 5], 5, 4, { index: 2, term: 2 }],
    [[2, 2, 5, 5, 5], 5, 2, { index: 2, term: 2 }],
    [[2, 2, 5, 5, 5], 5, 1, { index: 0, term: 0 }],
    [[2, 2, 5, 5, 5], 1, 2, { index: 1, term: 2 }],
    [[2, 2, 5, 5, 5], 0, 0, { index: 0, term: 0 }],
  ])('in a log of terms %o, from %i with term %i the logs may part at %o', (terms, index, term, expected) => {
    for (const stable of [0, 3, 5]) expect(logOf(terms, { stable }).findConflictByTerm(index, term)).toEqual(expected);
  });

  it('commits what is of the term only, and never goes back', () => {
    const log = logOf([1, 2], { stable: 1, committed: 1 });
    expect([log.maybeCommit(2, 1), log.maybeCommit(2, 3), log.maybeCommit(3, 2), log.maybeCommit(2, 0)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect([log.maybeCommit(2, 2), log.maybeCommit(1, 1), log.committed]).toEqual([true, false, 2]);
  });

  it('gives slices across what is stable and what is not, within the bytes but at least one', () => {
    const terms = [1, 1, 1, 1, 1, 1];
    const one = entryBytes(entry(1, 1));
    for (const stable of [0, 1, 3, 5, 6]) {
      const log = logOf(terms, { stable });
      const indexes = (low: number, high: number, bytesMax: number): number[] =>
        log.slice(low, high, bytesMax)!.map(({ index }) => index);
      expect(indexes(2, 6, NO_LIMIT)).toEqual([2, 3, 4, 5]);
      expect(indexes(2, 2, NO_LIMIT)).toEqual([]);
      expect(indexes(2, 6, 0)).toEqual([2]);
      expect(indexes(2, 6, one)).toEqual([2]);
      expect(indexes(2, 6, 2 * one)).toEqual([2, 3]);
      expect(indexes(2, 6, 3 * one - 1)).toEqual([2, 3]);
      expect(indexes(1, 7, 6 * one)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(() => log.slice(2, 8, NO_LIMIT)).toThrow(RaftInvariantError);
    }
  });

  it('after a compaction the term before the first entry is known, and what is before is not', () => {
    const storage = new MemoryStorage();
    storage.append(entriesOf([1, 1, 2, 2]));
    storage.compact(2);
    const log = new RaftLog(storage, NO_LIMIT);
    expect([1, 2, 3, 4, 5].map((index) => log.term(index))).toEqual([undefined, 1, 2, 2, undefined]);
    expect([log.committed, log.applied, log.entries(2, NO_LIMIT)]).toEqual([2, 2, undefined]);
  });

  it('hands committed entries to the application once, those not on disk only if allowed', () => {
    const log = logOf([1, 1, 1], { stable: 1, committed: 3 });
    expect(log.nextCommittedEntries(false).map(({ index }) => index)).toEqual([1]);
    expect(log.nextCommittedEntries(true).map(({ index }) => index)).toEqual([1, 2, 3]);
    log.acceptApplying(3, 0, true);
    expect([log.hasNextCommittedEntries(true), log.applied]).toEqual([false, 0]);
    log.appliedTo(2, 0);
    expect([log.applied, log.applying]).toEqual([2, 3]);
    expect(() => log.appliedTo(1, 0)).toThrow(RaftInvariantError);
    expect(() => log.appliedTo(4, 0)).toThrow(RaftInvariantError);
  });

  it('stops at the bound of what is applied and not confirmed', () => {
    const one = entryBytes(entry(1, 1));
    const log = logOf([1, 1, 1, 1], { committed: 4, applyingBytesMax: 2 * one });
    const first = log.nextCommittedEntries(true);
    expect(first.map(({ index }) => index)).toEqual([1, 2]);
    log.acceptApplying(2, entriesBytes(first), true);
    expect([log.hasNextCommittedEntries(true), log.nextCommittedEntries(true)]).toEqual([false, []]);
    log.appliedTo(1, one);
    expect(log.nextCommittedEntries(true).map(({ index }) => index)).toEqual([3]);
  });

  it('takes in a snapshot, and hands out nothing behind it until it is applied', () => {
    const log = logOf([1, 1], { stable: 2, committed: 1 });
    log.restore({ metadata: { index: 9, term: 3, confState: confState([1]) }, data: new Uint8Array(0) });
    log.append([entry(3, 10)]);
    log.commitTo(10);
    expect([log.firstIndex(), log.lastIndex(), log.term(9), log.hasNextCommittedEntries(true)]).toEqual([
      10,
      10,
      3,
      false,
    ]);
    log.unstable.stableSnapshotTo(9);
    (log.storage as MemoryStorage).applySnapshot({
      metadata: { index: 9, term: 3, confState: confState([1]) },
      data: new Uint8Array(0),
    });
    log.appliedTo(9, 0);
    expect(log.nextCommittedEntries(true).map(({ index }) => index)).toEqual([10]);
  });
});
