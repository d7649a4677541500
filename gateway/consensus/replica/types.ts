import type { ErrorCode } from '../../../core/errors/index.ts';
import type { Entry, HardState, Message, NodeId, Role, Snapshot } from '../raft/index.ts';

/**
 * What a group agrees on: the same commands in the same order give the same state at each member. `apply` must not throw,
 * whatever the bytes, and must depend on nothing but the state and its arguments.
 */
export interface StateMachine {
  apply(command: Uint8Array, index: number): Applied;
  /** Answers a read of the present state; throws LatticeError. */
  query(query: unknown): unknown;
  snapshot(): Uint8Array;
  /** Throws when the bytes are damaged. */
  restore(snapshot: Uint8Array): void;
}

export interface Applied {
  /** Id of the request that the command carries; whoever proposed it gets the answer. */
  id: string | undefined;
  answer: unknown;
  /** What watchers are told; undefined when nothing changed. */
  change?: unknown;
}

/** What the leader does beside replicating, for example ending leases. Told the time in monotonic ms. */
export interface LeaderDuties {
  /** It leads and has applied everything that was committed before. */
  begin(nowMs: number): void;
  end(): void;
  /** Commands to propose now. */
  due(nowMs: number): Uint8Array[];
}

/** A member of the group, as people and the transport know it. */
export interface Member {
  id: NodeId;
  name: string;
  /** host:port of its transport. */
  address: string;
  role: 'voter' | 'learner';
}

export type MemberChange =
  | { change: 'add'; name: string; address: string; role: 'voter' | 'learner' }
  | { change: 'remove'; name: string };

export type ReplicaEvent =
  /** One tick of the group's clock. */
  | { type: 'tick' }
  | { type: 'message'; message: Message }
  /** The oldest `persist` that was not answered yet is on disk. */
  | { type: 'persisted' }
  /** The checkpoint at that index is on disk, and the log below may go. */
  | { type: 'checkpointed'; index: number }
  | { type: 'propose'; id: string; command: Uint8Array; deadlineMs: number }
  | {
      type: 'read';
      id: string;
      query: unknown;
      consistency: 'linearizable' | 'lease' | 'serializable';
      deadlineMs: number;
    }
  | { type: 'changeMembers'; id: string; changes: MemberChange[]; deadlineMs: number }
  | { type: 'transfer'; to: NodeId }
  /** Stands for election now, as the only member of a group need not wait. */
  | { type: 'stand' }
  /** A message of the kind could not be handed over; the member is tried more gently. */
  | { type: 'unreachable'; peer: NodeId }
  /** The process of a member has ended: its machine refuses connections. Never said of a member that is only silent. */
  | { type: 'dead'; peer: NodeId }
  | { type: 'snapshotSent'; to: NodeId; ok: boolean };

/** What is written as one record and synced before the messages that hang on it go out. */
export interface PersistBatch {
  hardState: HardState | undefined;
  entries: Entry[];
  snapshot: Snapshot | undefined;
}

export type ReplicaEffect =
  | { type: 'send'; message: Message }
  /** In order; each is answered by one `persisted`. */
  | { type: 'persist'; batch: PersistBatch }
  | { type: 'checkpoint'; snapshot: Snapshot }
  | { type: 'answer'; id: string; answer: unknown }
  | { type: 'refuse'; id: string; code: ErrorCode; reason: string }
  | { type: 'changed'; index: number; change: unknown }
  /** The state was replaced by a leader's snapshot: watchers read it anew. */
  | { type: 'restored'; index: number }
  | { type: 'role'; role: Role; term: number; lead: NodeId }
  | { type: 'members'; members: Member[] };

/** What is found on disk at the start. */
export interface Recovered {
  snapshot: Snapshot | undefined;
  hardState: HardState;
  entries: Entry[];
}

export interface ReplicaOptions {
  id: NodeId;
  /** Ticks without a leader before a member stands for election: from this, up to twice as many less one. Default 10. */
  electionTicks?: number;
  /** Ticks between two heartbeats of the leader. Default 2. */
  heartbeatTicks?: number;
  /**
   * Lets the leader answer `lease` reads without asking the others, as long as a majority has answered it within the shortest
   * election time-out, less a tenth for clocks that run unlike. A clock that runs wronger than that makes such a read stale. After a transfer was asked
   * for, the leader reads as ever until there is another term. With it a member whose process died is no longer replaced at once, since the lease may still run. Default false.
   */
  leaseReads?: boolean;
  /** Entries between two checkpoints. Default 10,000. */
  checkpointEntries?: number;
  /** Bytes of entries between two checkpoints. Default 16 MiB. */
  checkpointBytes?: number;
  /** Entries kept behind a checkpoint for members that lag a little. Default 1,000. */
  trailingEntries?: number;
  /** Requests under way at this member; beyond it they are refused. Default 1,024. */
  requestsMax?: number;
}

export interface ReplicaStatus {
  id: NodeId;
  role: Role;
  term: number;
  lead: NodeId;
  /** Name of the leader, when there is one. */
  leader: string | undefined;
  commit: number;
  applied: number;
  /** As of this member; the leader knows how far the log of each has got. */
  members: (Member & { match: number | undefined })[];
}
