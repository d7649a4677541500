import { describe, expect, it } from 'vitest';
import { entryBytes, NO_LIMIT } from '../../../../../gateway/consensus/raft/index.ts';
import { MemoryStorage } from '../../../../../gateway/consensus/raft/log/index.ts';
import { confState, entriesOf, entry } from '../member.ts';

/** Entries 4 and 5 of those terms after a compaction to 3, of term 3. */
function compacted(): MemoryStorage {
  const storage = new MemoryStorage();
  storage.append(entriesOf([1, 2, 3, 4, 5]));
  storage.compact(3);
  return storage;
}

function terms(storage: MemoryStorage): number[] {
  return storage.entries(storage.firstIndex(), storage.lastIndex() + 1, NO_LIMIT).map(({ term }) => term);
}

describe('MemoryStorage', () => {
  it('knows the term of what is compacted last, and no earlier one', () => {
    const storage = compacted();
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([4, 5]);
    expect([3, 4, 5].map((index) => storage.term(index))).toEqual([3, 4, 5]);
    expect(() => storage.term(2)).toThrow('compacted');
    expect(() => storage.term(6)).toThrow('unavailable');
  });

  it('gives entries within the bytes, but at least one', () => {
    const storage = compacted();
    const one = entryBytes(entry(4, 4));
    const indexes = (bytesMax: number): number[] => storage.entries(4, 6, bytesMax).map(({ index }) => index);
    expect([indexes(0), indexes(one), indexes(2 * one - 1), indexes(2 * one)]).toEqual([[4], [4], [4], [4, 5]]);
    expect(() => storage.entries(3, 5, NO_LIMIT)).toThrow('compacted');
    expect(() => storage.entries(4, 7, NO_LIMIT)).toThrow('ends at 5');
  });

  it.each([
    ['replaces the same', entriesOf([4, 5], 4), [4, 5]],
    ['replaces by another term', entriesOf([6, 6], 4), [6, 6]],
    ['replaces and cuts off', entriesOf([6], 4), [6]],
    ['goes on', entriesOf([6], 6), [4, 5, 6]],
    ['leaves out what is compacted', entriesOf([1, 2, 3, 6], 1), [6]],
    ['does nothing when all of it is compacted', entriesOf([1, 2], 1), [4, 5]],
    ['does nothing without entries', [], [4, 5]],
  ])('an append %s', (_, entries, expected) => {
    const storage = compacted();
    storage.append(entries);
    expect(terms(storage)).toEqual(expected);
  });

  it('refuses a gap', () => {
    expect(() => compacted().append([entry(6, 7)])).toThrow('missing log entries between 5 and 7');
  });

  it('compacts forwards only, and within the log', () => {
    const storage = compacted();
    expect(() => storage.compact(3)).toThrow('compacted');
    expect(() => storage.compact(6)).toThrow('beyond the end');
    storage.compact(5);
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(5)]).toEqual([6, 5, 5]);
  });

  it('takes snapshots of itself, and replaces itself by one', () => {
    const storage = compacted();
    const taken = storage.createSnapshot(4, confState([1, 2]), new Uint8Array([7]));
    expect(taken.metadata).toEqual({ index: 4, term: 4, confState: confState([1, 2]) });
    expect(storage.initialState().confState).toEqual(confState([1, 2]));
    expect(() => storage.createSnapshot(4, undefined, new Uint8Array(0))).toThrow('snapshotOutOfDate');
    expect(() => storage.createSnapshot(6, undefined, new Uint8Array(0))).toThrow('beyond the end');
    expect(() => storage.applySnapshot(taken)).toThrow('snapshotOutOfDate');
    storage.applySnapshot({ ...taken, metadata: { ...taken.metadata, index: 9, term: 6 } });
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(9)]).toEqual([10, 9, 6]);
  });
});
