import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../../../gateway/consensus/raft/index.ts';
import { Unstable } from '../../../../../gateway/consensus/raft/log/unstable.ts';
import { confState, entriesOf, entry } from '../member.ts';

function snapshot(index: number, term: number): Snapshot {
  return { metadata: { index, term, confState: confState([1]) }, data: new Uint8Array(0) };
}

function unstable(offset: number, terms: readonly number[]): Unstable {
  const log = new Unstable(offset);
  if (terms.length > 0) log.truncateAndAppend(entriesOf(terms, offset));
  return log;
}

function contents(log: Unstable): string[] {
  return log.slice(log.offset, log.offset + log.length).map(({ term, index }) => `${term}/${index}`);
}

describe('Unstable', () => {
  it('knows its first index by a snapshot only, and its last one by an entry or a snapshot', () => {
    expect([unstable(5, [1]).firstIndex(), unstable(5, [1, 1]).lastIndex()]).toEqual([undefined, 6]);
    expect(unstable(5, []).lastIndex()).toBeUndefined();
    const restored = new Unstable(1);
    restored.restore(snapshot(4, 1));
    expect([restored.firstIndex(), restored.lastIndex(), restored.offset]).toEqual([5, 4, 5]);
  });

  it('knows the terms of what is in it, the snapshot included', () => {
    const log = new Unstable(1);
    log.restore(snapshot(4, 1));
    log.truncateAndAppend(entriesOf([2, 3], 5));
    expect([3, 4, 5, 6, 7].map((index) => log.term(index))).toEqual([undefined, 1, 2, 3, undefined]);
  });

  it('hands out each entry and snapshot once', () => {
    const log = new Unstable(1);
    log.restore(snapshot(4, 1));
    log.truncateAndAppend(entriesOf([1], 5));
    expect([log.nextSnapshot()?.metadata.index, log.nextEntries().length]).toEqual([4, 1]);
    log.acceptInProgress();
    expect([log.nextSnapshot(), log.nextEntries(), log.hasNextEntries()]).toEqual([undefined, [], false]);
    log.truncateAndAppend(entriesOf([1], 6));
    expect(log.nextEntries().map(({ index }) => index)).toEqual([6]);
  });

  it.each([
    ['all of it', 6, 1, 7, []],
    ['a part of it', 5, 1, 6, ['1/6']],
    ['nothing when the term is another, since it was overwritten', 5, 2, 5, ['1/5', '1/6']],
    ['nothing when it is from before', 4, 1, 5, ['1/5', '1/6']],
    ['nothing when it is from after', 7, 1, 5, ['1/5', '1/6']],
  ])('a confirmation ends %s', (_, index, term, offset, rest) => {
    const log = unstable(5, [1, 1]);
    log.acceptInProgress();
    log.stableTo(index, term);
    expect([log.offset, contents(log)]).toEqual([offset, rest]);
    expect(log.offsetInProgress).toBe(7);
  });

  it('a confirmation does not end a snapshot of that index', () => {
    const log = new Unstable(1);
    log.restore(snapshot(4, 1));
    log.stableTo(4, 1);
    expect(log.snapshot?.metadata.index).toBe(4);
    log.stableSnapshotTo(3);
    expect(log.snapshot?.metadata.index).toBe(4);
    log.stableSnapshotTo(4);
    expect(log.snapshot).toBeUndefined();
  });

  it.each([
    ['goes on at the end', 7, [2], ['1/5', '1/6', '2/7'], 7],
    ['replaces a part that is not written yet', 6, [2, 2], ['1/5', '2/6', '2/7'], 6],
    ['replaces all', 5, [2], ['2/5'], 5],
    ['replaces all, and what the storage has confirmed', 4, [2, 2], ['2/4', '2/5'], 4],
  ])('an append %s', (_, first, terms, whole, inProgress) => {
    const log = unstable(5, [1, 1]);
    log.acceptInProgress();
    log.truncateAndAppend(entriesOf(terms, first));
    expect([contents(log), log.offsetInProgress]).toEqual([whole, inProgress]);
  });

  it('refuses a gap, and a slice that it does not have', () => {
    expect(() => unstable(5, [1]).truncateAndAppend([entry(1, 7)])).toThrow('cannot append at 7');
    expect(() => unstable(5, [1]).slice(4, 6)).toThrow('out of');
    expect(() => unstable(5, [1]).slice(5, 7)).toThrow('out of');
  });

  it('what was handed out does not change when the log does', () => {
    const log = unstable(5, [1, 1]);
    const handed = log.nextEntries();
    log.truncateAndAppend(entriesOf([2], 6));
    expect(handed.map(({ term }) => term)).toEqual([1, 1]);
  });
});
