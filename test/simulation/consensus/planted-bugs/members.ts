import { Changer } from '../../../../gateway/consensus/raft/confchange/index.ts';
import { MajorityConfig } from '../../../../gateway/consensus/raft/quorum/index.ts';
import { ProgressTracker } from '../../../../gateway/consensus/raft/tracker/index.ts';
import { MemberBook, type MemberChange } from '../../../../gateway/consensus/replica/index.ts';
import type { Scenario } from '../scenario.ts';
import { addressOf, nameOf } from '../types.ts';
import { clientsFrom, cutOffAgain, PLAIN, someOf } from './aim.ts';
import { type PlantedBug, replace } from './plant.ts';

const CHANGES: Partial<Scenario> = { members: 3, spares: 2, adminEveryMs: 150 };

const taken = (process: number, role: 'voter' | 'learner'): MemberChange => ({
  change: 'add',
  name: nameOf(process),
  address: addressOf(nameOf(process)),
  role,
});
const removed = (process: number): MemberChange => ({ change: 'remove', name: nameOf(process) });

export const MEMBER_BUGS: readonly PlantedBug[] = [
  {
    name: 'a snapshot leaves out who the members are',
    scenario: { checkpointEntries: 5, trailingEntries: 0 },
    plant: () => replace(MemberBook.prototype, 'toJson', () => () => JSON.stringify({ members: [], nextId: 1 })),
  },
  {
    name: 'two changes give one id to two members',
    firstSeed: 30,
    scenario: CHANGES,
    plant: () => replace(MemberBook.prototype, 'conflict', () => () => undefined),
  },
  {
    name: 'the members change without a joint configuration',
    scenario: {
      ...{ ...PLAIN, spares: 2, faultsEndMs: 3_000 },
      script: [{ atMs: 600, changes: [taken(4, 'voter'), taken(5, 'voter'), removed(2), removed(3)] }],
    },
    faults: (random) => [
      { kind: 'slowNetwork', atMs: 550, byMs: 20, forMs: 1_500 },
      { kind: 'partition', atMs: 650 + random.below(150), side: [1, 4, 5], forMs: 1_200 },
    ],
    plant: () =>
      replace(
        Changer.prototype,
        'enterJoint',
        (right) =>
          function (this: Changer, _autoLeave, changes) {
            const { config, progress } = right.call(this, false, changes);
            config.voters.outgoing.clear();
            config.learnersNext.clear();
            const isMember = (id: number): boolean => config.voters.has(id) || config.learners.has(id);
            return { config, progress: new Map([...progress].filter(([id]) => isMember(id))) };
          },
      ),
  },
  {
    name: 'what a learner has counts for a majority of the voters',
    scenario: {
      ...{ ...PLAIN, spares: 2, storeClients: 4, thinkMs: 10, faultsEndMs: 3_000 },
      script: [{ atMs: 500, changes: [taken(4, 'learner'), taken(5, 'learner')] }],
    },
    faults: (random) => {
      const side = (): number[] => [...someOf(random, 3, 1), 4, 5, ...clientsFrom(0, 2, 5)];
      return cutOffAgain(random, { side, endMs: 3_000 });
    },
    plant: () =>
      replace(
        ProgressTracker.prototype,
        'committed',
        () =>
          function (this: ProgressTracker) {
            const { voters } = this.config;
            if (voters.isJoint) return voters.committedIndex((id) => this.progress.get(id)?.match);
            const matches = [...this.progress.values()].map(({ match }) => match).sort((a, b) => b - a);
            return matches[new MajorityConfig(voters.incoming).size >> 1] as number;
          },
      ),
  },
];
