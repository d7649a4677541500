import { describe, expect, it } from 'vitest';
import type { Entry, Snapshot } from '../../../../gateway/consensus/raft/index.ts';
import { Replay } from '../../../../gateway/consensus/storage/index.ts';

const entry = (index: number): Entry => ({ term: 2, index, type: 'EntryNormal', data: new Uint8Array(0) });
const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
const snapshotAt = (index: number): Snapshot => ({ metadata: { confState, index, term: 2 }, data: new Uint8Array(0) });
const record = (commit: number, ...indexes: number[]) => ({
  hardState: { term: 2, vote: 1, commit },
  resetTo: undefined,
  entries: indexes.map(entry),
});

describe('replay', () => {
  it('goes on behind a snapshot of the leader whose record was lost in a power cut', () => {
    const replay = new Replay(snapshotAt(6));
    replay.add(record(4, 2, 3, 4));
    replay.add(record(7, 7));
    replay.add(record(8, 8));
    const { entries, hardState } = replay.result();
    expect(entries.map(({ index }) => index)).toEqual([7, 8]);
    expect(hardState.commit).toBe(8);
  });

  it('refuses a gap that no snapshot covers', () => {
    const replay = new Replay(snapshotAt(5));
    replay.add(record(4, 2, 3, 4));
    expect(() => replay.add(record(7, 7))).toThrowError(expect.objectContaining({ code: 'RAFT_STORAGE_DAMAGED' }));
  });
});
