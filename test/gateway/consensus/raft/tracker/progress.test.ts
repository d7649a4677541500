import { describe, expect, it } from 'vitest';
import { Inflights, Progress } from '../../../../../gateway/consensus/raft/tracker/index.ts';

function progress(match: number, next: number, messagesMax = 3, bytesMax = 0): Progress {
  const inflights = new Inflights(messagesMax, bytesMax);
  return new Progress({ match, next, inflights, isLearner: false, recentActive: true });
}

describe('Inflights', () => {
  it('is full by count and by bytes, and takes the message that reaches the bytes', () => {
    const byCount = new Inflights(2, 0);
    byCount.add(1, 1_000_000);
    expect(byCount.isFull).toBe(false);
    byCount.add(2, 1_000_000);
    expect(byCount.isFull).toBe(true);
    expect(() => byCount.add(3, 1)).toThrow('beyond the window');

    const byBytes = new Inflights(100, 10);
    byBytes.add(1, 9);
    expect(byBytes.isFull).toBe(false);
    byBytes.add(2, 9);
    expect(byBytes.isFull).toBe(true);
  });

  it('frees what ends at the acknowledged index or below, with its bytes', () => {
    const inflights = new Inflights(5, 10);
    for (const index of [3, 5, 9]) inflights.add(index, 3);
    inflights.freeUpTo(2);
    expect(inflights.count).toBe(3);
    inflights.freeUpTo(5);
    expect(inflights.count).toBe(1);
    inflights.add(10, 6);
    expect(inflights.isFull).toBe(false);
    inflights.add(11, 1);
    expect(inflights.isFull).toBe(true);
    inflights.reset();
    expect([inflights.count, inflights.isFull]).toEqual([0, false]);
  });
});

describe('Progress', () => {
  it('probes after the snapshot that arrived, or after what matches', () => {
    const one = progress(1, 5);
    one.becomeProbe();
    expect(one.next).toBe(2);
    one.becomeSnapshot(10);
    expect([one.next, one.pendingSnapshot, one.isPaused]).toEqual([11, 10, true]);
    one.becomeProbe();
    expect([one.next, one.pendingSnapshot, one.isPaused]).toEqual([11, 0, false]);
  });

  it('sends one append while it probes, and a window of them while it replicates', () => {
    const one = progress(0, 1);
    one.sentEntries(0, 0);
    expect(one.isPaused).toBe(false);
    one.sentEntries(1, 10);
    expect([one.isPaused, one.next]).toEqual([true, 1]);
    one.maybeUpdate(1);
    one.becomeReplicate();
    for (const _ of [1, 2, 3]) one.sentEntries(2, 10);
    expect(`${one}`).toBe('StateReplicate match=1 next=8 paused inflight=3[full]');
    one.becomeSnapshot(9);
    expect(() => one.sentEntries(1, 1)).toThrow('snapshot');
  });

  it('takes an acknowledgement once', () => {
    const one = progress(3, 5);
    expect(one.maybeUpdate(3)).toBe(false);
    expect(one.maybeUpdate(4)).toBe(true);
    expect([one.match, one.next]).toEqual([4, 5]);
    expect(one.maybeUpdate(9)).toBe(true);
    expect([one.match, one.next]).toEqual([9, 10]);
  });

  it.each([
    // state, match, next, rejected, hint, decreased, next after
    ['StateReplicate', 5, 10, 5, 5, false, 10],
    ['StateReplicate', 5, 10, 4, 4, false, 10],
    ['StateReplicate', 5, 10, 9, 9, true, 6],
    ['StateProbe', 0, 0, 0, 0, false, 0],
    ['StateProbe', 0, 10, 5, 5, false, 10],
    ['StateProbe', 0, 10, 9, 9, true, 9],
    ['StateProbe', 0, 2, 1, 1, true, 1],
    ['StateProbe', 0, 10, 9, 2, true, 3],
    ['StateProbe', 0, 10, 9, 0, true, 1],
  ] as const)(
    '%s match=%i next=%i, rejected %i with hint %i: %s, next=%i',
    (state, match, next, rejected, hint, decreased, after) => {
      const one = progress(match, next);
      one.state = state;
      expect(one.maybeDecrTo(rejected, hint)).toBe(decreased);
      expect([one.match, one.next]).toEqual([match, after]);
    },
  );

  it('tells a commit index that the follower can use and was not told', () => {
    const one = progress(5, 8);
    expect(one.canBumpCommit(6)).toBe(true);
    one.sentCommit(6);
    expect([one.canBumpCommit(6), one.canBumpCommit(7)]).toEqual([false, true]);
    one.sentCommit(7);
    expect(one.canBumpCommit(100)).toBe(false);
    one.becomeProbe();
    expect(one.canBumpCommit(100)).toBe(false);
    one.maybeUpdate(6);
    expect(one.canBumpCommit(100)).toBe(true);
  });
});
