import { LatticeError } from '../../../../core/errors/index.ts';
import type { NodeSet } from '../quorum/index.ts';
import { type Members, Progress, type ProgressTracker, type TrackerConfig, trackerConfig } from '../tracker/index.ts';
import type { ConfChangeSingle, NodeId } from '../types.ts';
import { checkInvariants } from './invariants.ts';

/**
 * Works out what a change of the members leads to, without touching the tracker. Each of its methods throws
 * MEMBER_CHANGE_REFUSED where the change is not allowed now. After etcd-io/raft, confchange/confchange.go.
 */
export class Changer {
  readonly #tracker: ProgressTracker;
  readonly #lastIndex: number;

  /** lastIndex is the end of the log, where a new member is probed first. */
  constructor(tracker: ProgressTracker, lastIndex: number) {
    this.#tracker = tracker;
    this.#lastIndex = lastIndex;
  }

  /** Changes at most one voter, and any number of learners. */
  simple(changes: readonly ConfChangeSingle[]): Members {
    const draft = this.#draft();
    if (draft.config.voters.isJoint) throw refused("can't apply simple config change in joint config");
    this.#apply(draft, changes);
    const before = this.#tracker.config.voters.incoming;
    const after = draft.config.voters.incoming;
    if (countMissing(before, after) + countMissing(after, before) > 1) {
      throw refused('more than one voter changed without entering joint config');
    }
    return members(draft);
  }

  /** From (1 2 3) to (1 2 3)&&(1 2 3) and on to the changed half before the &&: from now on both halves decide. */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): Members {
    const draft = this.#draft();
    const { voters } = draft.config;
    if (voters.isJoint) throw refused('config is already joint');
    if (voters.incoming.size === 0) throw refused("can't make a zero-voter config joint");
    for (const id of voters.incoming) voters.outgoing.add(id);
    this.#apply(draft, changes);
    return members({ ...draft, config: { ...draft.config, autoLeave } });
  }

  /** The outgoing half has nothing to say any more; what was to become a learner is one now. */
  leaveJoint(): Members {
    const draft = this.#draft();
    const { config, progress } = draft;
    if (!config.voters.isJoint) throw refused("can't leave a non-joint config");
    for (const id of config.learnersNext) {
      config.learners.add(id);
      progress.get(id)!.isLearner = true;
    }
    for (const id of config.voters.outgoing) {
      if (!config.voters.incoming.has(id) && !config.learners.has(id)) progress.delete(id);
    }
    config.learnersNext.clear();
    config.voters.outgoing.clear();
    return members({ progress, config: { ...config, autoLeave: false } });
  }

  #draft(): Draft {
    const { config, progress } = this.#tracker;
    checkInvariants(config, progress);
    return {
      config: trackerConfig({
        voters: config.voters.incoming,
        votersOutgoing: config.voters.outgoing,
        learners: config.learners,
        learnersNext: config.learnersNext,
        autoLeave: config.autoLeave,
      }),
      progress: new Map([...progress].map(([id, member]) => [id, member.clone()])),
    };
  }

  #apply(draft: Draft, changes: readonly ConfChangeSingle[]): void {
    for (const { type, nodeId } of changes) {
      // An application that decides not to make a change that is in the log sets its id to 0.
      if (nodeId === 0) continue;
      switch (type) {
        case 'ConfChangeAddNode':
          this.#makeVoter(draft, nodeId);
          break;
        case 'ConfChangeAddLearnerNode':
          this.#makeLearner(draft, nodeId);
          break;
        case 'ConfChangeRemoveNode':
          remove(draft, nodeId);
          break;
        case 'ConfChangeUpdateNode':
          break;
      }
    }
    if (draft.config.voters.incoming.size === 0) throw refused('removed all voters');
  }

  #makeVoter({ config, progress }: Draft, id: NodeId): void {
    const known = progress.get(id);
    if (known === undefined) progress.set(id, this.#newcomer(false));
    else known.isLearner = false;
    config.learners.delete(id);
    config.learnersNext.delete(id);
    config.voters.incoming.add(id);
  }

  #makeLearner(draft: Draft, id: NodeId): void {
    const { config, progress } = draft;
    const known = progress.get(id);
    if (known === undefined) {
      progress.set(id, this.#newcomer(true));
      config.learners.add(id);
      return;
    }
    if (known.isLearner) return;
    remove(draft, id);
    progress.set(id, known);
    // Nobody is voter and learner at once: one who still votes in the outgoing half waits until it is left.
    if (config.voters.outgoing.has(id)) {
      config.learnersNext.add(id);
    } else {
      known.isLearner = true;
      config.learners.add(id);
    }
  }

  #newcomer(isLearner: boolean): Progress {
    return new Progress({
      match: 0,
      next: Math.max(this.#lastIndex, 1),
      inflights: this.#tracker.newInflights(),
      isLearner,
      // Else the next check of the quorum might count out a member that had no time to say anything.
      recentActive: true,
    });
  }
}

interface Draft {
  config: TrackerConfig;
  progress: Map<NodeId, Progress>;
}

function remove({ config, progress }: Draft, id: NodeId): void {
  if (!progress.has(id)) return;
  config.voters.incoming.delete(id);
  config.learners.delete(id);
  config.learnersNext.delete(id);
  if (!config.voters.outgoing.has(id)) progress.delete(id);
}

/** How many of one set the other one lacks. */
function countMissing(ids: NodeSet, from: NodeSet): number {
  return [...ids].filter((id) => !from.has(id)).length;
}

function members({ config, progress }: Draft): Members {
  checkInvariants(config, progress);
  return { config, progress: new Map([...progress].sort(([a], [b]) => a - b)) };
}

function refused(reason: string): LatticeError {
  return new LatticeError('MEMBER_CHANGE_REFUSED', reason);
}
