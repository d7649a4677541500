import type { Logger } from 'pino';
import type { LogFs } from '../../../core/log/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import type { Transport } from '../../transport/index.ts';
import type { NodeId } from '../raft/index.ts';
import type { LeaderDuties, Member, MemberChange, ReplicaStatus, StateMachine } from '../replica/index.ts';

export interface GroupNodeOptions {
  /** Name of this gateway, by which the others' transports know it. */
  name: string;
  /** Folder of the group's log and snapshot. */
  directory: string;
  /**
   * The members that a new group begins with, this one among them, the same at each. For one that comes later those that there are,
   * without itself: it has to know them to be spoken to, and waits until the group takes it in.
   */
  initialMembers: { name: string; address: string; role?: 'voter' | 'learner' }[];
  /** Milliseconds of a tick. Default 15: elections after 150 to 285 ms of silence, heartbeats every 30 ms. */
  tickMs?: number;
  /** Default 10. */
  electionTicks?: number;
  /** Default 2. */
  heartbeatTicks?: number;
  /** See ReplicaOptions. Default false. */
  leaseReads?: boolean;
  /** See ReplicaOptions. Default 10,000. */
  checkpointEntries?: number;
}

export interface GroupNodeDeps {
  clock: Clock;
  random: Random;
  log: Logger;
  transport: Transport;
  machine: StateMachine;
  duties: LeaderDuties;
  /** The disk that a member is known by in the agreed state; see boot-check.ts. */
  diskOf: (id: NodeId) => string | undefined;
  /** Default: the real disk. */
  fs?: LogFs;
}

export interface GroupEvents {
  /** A command changed the state. */
  changed: [index: number, change: unknown];
  /** The state was replaced by a snapshot. */
  restored: [index: number];
  role: [status: ReplicaStatus];
  members: [members: Member[]];
  /** This member cannot go on; the others can. */
  failed: [error: unknown];
}

/** One member of a Raft group as the rest of the gateway uses it. Calls reject with LatticeError. */
export interface Group {
  /** Resolves with the answer of the state machine. The id is carried out once, however often it is proposed. */
  propose(id: string, command: Uint8Array, timeoutMs: number): Promise<unknown>;
  read(query: unknown, consistency: 'linearizable' | 'lease' | 'serializable', timeoutMs: number): Promise<unknown>;
  changeMembers(changes: MemberChange[], timeoutMs: number): Promise<Member[]>;
  /** Asks the leader to hand over to that member; `role` tells when it has. */
  transferTo(name: string): void;
  /** Undefined until it takes part in the group. */
  readonly status: ReplicaStatus | undefined;
}
