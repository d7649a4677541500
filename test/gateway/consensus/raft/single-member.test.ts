import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { MemoryStorage, NO_LIMIT, RawNode, type ReadState } from '../../../../gateway/consensus/raft/index.ts';

describe('a group of one', () => {
  it('reads nothing older than what it had committed before it was restarted', () => {
    // A commit index need not be synced, so after a power cut it may be behind what was acknowledged: here 1 of 3.
    const storage = new MemoryStorage();
    const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    storage.applySnapshot({ metadata: { index: 1, term: 1, confState }, data: new Uint8Array() });
    storage.append([2, 3].map((index) => ({ term: 1, index, type: 'EntryNormal', data: Buffer.from('acknowledged') })));
    storage.setHardState({ term: 1, vote: 1, commit: 1 });
    const limits = { maxSizePerMsg: NO_LIMIT, maxInflightMsgs: 10 };
    const node = new RawNode({
      id: 1,
      electionTick: 10,
      heartbeatTick: 1,
      storage,
      random: seededRandom(1),
      ...limits,
    });
    const readStates: ReadState[] = [];
    const handleReady = () => {
      const ready = node.ready();
      if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
      storage.append(ready.entries);
      readStates.push(...ready.readStates);
      node.advance();
    };

    node.campaign();
    handleReady();
    expect(node.basicStatus().softState.role).toBe('StateLeader');
    node.readIndex(Buffer.from('read'));
    while (node.hasReady()) handleReady();
    expect(readStates).toEqual([{ index: 4, requestContext: Buffer.from('read') }]);
  });
});
