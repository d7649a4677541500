import { RaftLog } from '../../../../gateway/consensus/raft/log/index.ts';
import { MajorityConfig } from '../../../../gateway/consensus/raft/quorum/index.ts';
import { deposedLeader, PLAIN } from './aim.ts';
import { type PlantedBug, replace } from './plant.ts';

export const REPLICATION_BUGS: readonly PlantedBug[] = [
  {
    name: 'an entry is committed by one member less than a majority',
    plant: () =>
      replace(
        MajorityConfig.prototype,
        'committedIndex',
        () =>
          function (this: MajorityConfig, ackedIndex) {
            if (this.size === 0) return Number.POSITIVE_INFINITY;
            const acked = [...this].map((id) => ackedIndex(id) ?? 0).sort((a, b) => b - a);
            return acked[Math.max(0, (this.size >> 1) - 1)] as number;
          },
      ),
  },
  {
    name: 'a leader is elected by one member less than a majority',
    plant: () =>
      replace(
        MajorityConfig.prototype,
        'voteResult',
        (right) =>
          function (this: MajorityConfig, votes) {
            const yes = [...this].filter((id) => votes.get(id) === true).length;
            return yes >= this.size >> 1 ? 'VoteWon' : right.call(this, votes);
          },
      ),
  },
  {
    name: 'a leader commits an entry of an older term by its copies',
    scenario: { ...PLAIN, isHaunted: true, faultsEndMs: 4_000 },
    faults: () => [1, 2].map((process) => ({ kind: 'slowDisk', atMs: 0, process, factor: 15, forMs: 4_000 })),
    plant: () =>
      replace(
        RaftLog.prototype,
        'maybeCommit',
        () =>
          function (this: RaftLog, index) {
            if (index <= this.committed || index > this.lastIndex()) return false;
            this.commitTo(index);
            return true;
          },
      ),
  },
  {
    name: 'a follower does not look at the term of the entry before',
    scenario: { ...PLAIN, storeClients: 12, thinkMs: 10, faultsEndMs: 1_500 },
    faults: (random) => deposedLeader(random, { clients: 10, isSucceeded: true }),
    plant: () =>
      replace(
        RaftLog.prototype,
        'maybeAppend',
        (right) =>
          function (this: RaftLog, prevIndex, prevTerm, entries, committed) {
            return right.call(this, prevIndex, this.term(prevIndex) ?? prevTerm, entries, committed);
          },
      ),
  },
  {
    name: 'a follower truncates what an old message does not hold',
    profile: 'lossy',
    plant: () =>
      replace(
        RaftLog.prototype,
        'maybeAppend',
        (right) =>
          function (this: RaftLog, prevIndex, prevTerm, entries, committed) {
            const isBehind = entries[0] !== undefined && entries[0].index > this.committed;
            if (this.matchTerm(prevIndex, prevTerm) && isBehind) this.append(entries);
            return right.call(this, prevIndex, prevTerm, entries, committed);
          },
      ),
  },
  {
    name: 'a candidate with an older log gets votes',
    plant: () => replace(RaftLog.prototype, 'isUpToDate', () => () => true),
  },
];
