import type { Raft } from './raft.ts';
import type { Progress, TrackerConfig } from './tracker/index.ts';
import type { HardState, NodeId, SoftState } from './types.ts';

export interface BasicStatus {
  id: NodeId;
  hardState: HardState;
  softState: SoftState;
  /** Index that the application has confirmed. */
  applied: number;
  /** Whom the leader is handing over to; 0 for nobody. */
  leadTransferee: NodeId;
  /** Reads refused since maxPendingReads were waiting. */
  readsDropped: number;
}

export interface Status extends BasicStatus {
  config: TrackerConfig;
  /** Copies, and at the leader only: nobody else knows. */
  progress: Map<NodeId, Progress>;
}

export function basicStatus(raft: Raft): BasicStatus {
  return {
    id: raft.id,
    hardState: raft.hardState(),
    softState: raft.softState(),
    applied: raft.log.applied,
    leadTransferee: raft.leadTransferee,
    readsDropped: raft.readsDropped,
  };
}

export function status(raft: Raft): Status {
  const progress = new Map<NodeId, Progress>();
  if (raft.role === 'StateLeader') {
    for (const [id, member] of raft.tracker.progress) progress.set(id, member.clone());
  }
  return { ...basicStatus(raft), config: raft.tracker.config, progress };
}
