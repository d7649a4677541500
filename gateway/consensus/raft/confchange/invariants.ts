import { LatticeError } from '../../../../core/errors/index.ts';
import type { ProgressMap, TrackerConfig } from '../tracker/index.ts';

/** Whether members and progress fit together. Throws INTERNAL, since no change that was allowed leads to what does not. */
export function checkInvariants(config: TrackerConfig, progress: ProgressMap): void {
  const { voters, learners, learnersNext, autoLeave } = config;
  for (const ids of [voters.ids(), learners, learnersNext]) {
    for (const id of ids) require(progress.has(id), `no progress for ${id}`);
  }
  for (const id of learnersNext) {
    require(voters.outgoing.has(id), `${id} is in learnersNext, but not in the outgoing voters`);
    require(!progress.get(id)?.isLearner, `${id} is in learnersNext, but is a learner already`);
  }
  for (const id of learners) {
    require(!voters.has(id), `${id} is a learner and a voter`);
    require(progress.get(id)?.isLearner === true, `${id} is in learners, but its progress is no learner's`);
  }
  if (voters.isJoint) return;
  require(learnersNext.size === 0, 'learnersNext is not empty outside of a joint config');
  require(!autoLeave, 'autoLeave is set outside of a joint config');
}

function require(holds: boolean, otherwise: string): void {
  if (!holds) throw new LatticeError('INTERNAL', otherwise);
}
