import { LatticeError } from '../../../core/errors/index.ts';
import type { Random } from '../../../core/random/index.ts';
import {
  type ConfState,
  decodeConfChange,
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type LogSink,
  type Message,
  NONE,
  type NodeId,
  RawNode,
  type Ready,
  type Role,
  type Snapshot,
} from '../raft/index.ts';
import { Checkpoints } from './checkpoints.ts';
import { decodeContext, encodeContext, MemberBook } from './member-book.ts';
import { Persistence } from './persistence.ts';
import { ReplicaStorage } from './replica-storage.ts';
import { Requests } from './requests.ts';
import { joinSnapshot, splitSnapshot } from './snapshot-data.ts';
import { Succession } from './succession.ts';
import type {
  LeaderDuties,
  Recovered,
  ReplicaEffect,
  ReplicaEvent,
  ReplicaOptions,
  ReplicaStatus,
  StateMachine,
} from './types.ts';

const MIB = 1024 * 1024;
const SIZE_PER_MESSAGE_MAX = MIB;
const INFLIGHT_MESSAGES_MAX = 256;
const INFLIGHT_BYTES_MAX = 16 * MIB;
const UNCOMMITTED_BYTES_MAX = 64 * MIB;
const RETRY_ELECTIONS = 2;
/** Clocks of two members that run unlike by more than this part of the lease make a lease read stale. */
const LEASE_DRIFT = 0.1;

export interface ReplicaDeps {
  machine: StateMachine;
  duties: LeaderDuties;
  random: Random;
  /** Length of a tick, for what is counted in ms. */
  tickMs: number;
  /** Lines that an election can be followed by; no text is made without it. */
  onLog?: LogSink;
}

type ChangeMembers = Extract<ReplicaEvent, { type: 'changeMembers' }>;
type Read = Extract<ReplicaEvent, { type: 'read' }>;

/**
 * One member of a Raft group with the state that is agreed on: events in, effects out. Whoever runs it (the gateway, or the
 * simulator) carries the effects out, in order, and tells of what happened. A throw means that an invariant is broken: the
 * member must stop.
 *
 * A write goes: propose, Raft, `persist`, a majority, apply, `answer`. Nothing leaves for another member that hangs on something
 * that is not on disk: Raft itself holds such messages back until `persisted`.
 */
export class Replica {
  readonly id: NodeId;
  readonly #machine: StateMachine;
  readonly #duties: LeaderDuties;
  readonly #heartbeatTicks: number;
  readonly #leaseReads: boolean;
  readonly #leaseMs: number;
  readonly #storage = new ReplicaStorage();
  readonly #raft: RawNode;
  readonly #persistence: Persistence;
  readonly #requests: Requests;
  readonly #succession: Succession;
  readonly #checkpoints: Checkpoints;
  #book = new MemberBook([]);
  #confState: ConfState;
  #effects: ReplicaEffect[] = [];
  #tick = 0;
  #role: Role = 'StateFollower';
  #lead: NodeId = NONE;
  #term: number;
  /** It leads, and has applied everything that was committed before. */
  #isOnDuty = false;
  /** Somebody was asked to take over in this term. That may arrive at any time later, and its votes are given whatever the lease. */
  #mayBeSucceeded = false;
  #applied = { index: 0, term: 0 };

  /** `recovered` is what was found on disk; for the members that begin a group, a snapshot that names them. */
  constructor(options: ReplicaOptions, deps: ReplicaDeps, recovered: Recovered) {
    const { id, electionTicks = 10, heartbeatTicks = 2, leaseReads = false, requestsMax = 1_024 } = options;
    const { checkpointEntries = 10_000, checkpointBytes = 16 * MIB, trailingEntries = 1_000 } = options;
    this.id = id;
    this.#heartbeatTicks = heartbeatTicks;
    this.#leaseReads = leaseReads;
    this.#leaseMs = (electionTicks - 1) * deps.tickMs * (1 - LEASE_DRIFT);
    this.#machine = deps.machine;
    this.#duties = deps.duties;
    this.#checkpoints = new Checkpoints({ checkpointEntries, checkpointBytes, trailingEntries }, this.#storage);
    const { snapshot, hardState, entries } = recovered;
    if (snapshot !== undefined) this.#storage.applySnapshot(snapshot);
    this.#storage.append(entries);
    this.#storage.setHardState(hardState);
    this.#confState = this.#storage.initialState().confState;
    if (snapshot !== undefined) this.#restore(snapshot);
    this.#term = hardState.term;
    this.#persistence = new Persistence(this.#storage, hardState);
    this.#raft = new RawNode({
      id,
      electionTick: electionTicks,
      heartbeatTick: heartbeatTicks,
      storage: this.#storage,
      applied: this.#applied.index,
      asyncStorageWrites: true,
      persistsBeforeVoteRequests: true,
      maxSizePerMsg: SIZE_PER_MESSAGE_MAX,
      maxInflightMsgs: INFLIGHT_MESSAGES_MAX,
      maxInflightBytes: INFLIGHT_BYTES_MAX,
      maxUncommittedEntriesSize: UNCOMMITTED_BYTES_MAX,
      checkQuorum: true,
      preVote: true,
      readOnlyOption: 'ReadOnlySafe',
      stepDownOnRemoval: true,
      random: deps.random.fork('elections'),
      ...(deps.onLog === undefined ? {} : { onLog: deps.onLog }),
    });
    const retryTicks = RETRY_ELECTIONS * electionTicks;
    const tell = (effect: ReplicaEffect): number => this.#effects.push(effect);
    const owner = deps.random.next();
    this.#requests = new Requests({ raft: this.#raft, machine: deps.machine, owner, retryTicks, requestsMax, tell });
    this.#succession = new Succession(id);
  }

  get role(): Role {
    return this.#role;
  }

  get term(): number {
    return this.#term;
  }

  get status(): ReplicaStatus {
    const match = new Map<NodeId, number>();
    this.#raft.withProgress((id, progress) => match.set(id, progress.match));
    return {
      id: this.id,
      role: this.#role,
      term: this.#term,
      lead: this.#lead,
      leader: this.#book.nameOf(this.#lead),
      commit: this.#raft.basicStatus().hardState.commit,
      applied: this.#applied.index,
      members: this.#book.list.map((member) => ({ ...member, match: match.get(member.id) })),
    };
  }

  /** What is on disk, for checks. */
  get storage(): ReplicaStorage {
    return this.#storage;
  }

  step(event: ReplicaEvent, nowMs: number): ReplicaEffect[] {
    this.#take(event, nowMs);
    if (this.#leaseReads) this.#mayBeSucceeded ||= this.#raft.basicStatus().leadTransferee !== NONE;
    this.#drain(nowMs);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #take(event: ReplicaEvent, nowMs: number): void {
    switch (event.type) {
      case 'tick':
        this.#onTick(nowMs);
        break;
      case 'message':
        // What Raft does not want (of one that is no member any more, or a proposal while it cannot take any) is as good as lost.
        this.#requests.raftTakes((raft) => raft.step(event.message));
        break;
      case 'persisted':
        this.#persistence.persisted();
        break;
      case 'checkpointed':
        this.#checkpoints.written(event.index);
        this.#checkpointIfDue();
        break;
      case 'propose':
        this.#requests.propose(event.id, event.command, event.deadlineMs, this.#tick);
        break;
      case 'read':
        this.#read(event, nowMs);
        break;
      case 'changeMembers':
        this.#changeMembers(event);
        break;
      case 'transfer':
        this.#raft.transferLeader(event.to);
        break;
      case 'stand':
        this.#raft.campaign();
        break;
      case 'unreachable':
        this.#raft.reportUnreachable(event.peer);
        break;
      case 'dead':
        this.#onDead(event.peer);
        break;
      case 'snapshotSent':
        this.#raft.reportSnapshot(event.to, event.ok);
        break;
    }
  }

  #onTick(nowMs: number): void {
    this.#tick += 1;
    this.#raft.tick();
    const mayStand = this.#lead === NONE && this.#role === 'StateFollower';
    if (this.#succession.isDue(this.#tick) && mayStand) this.#raft.campaign();
    this.#requests.onTick(this.#tick, nowMs);
    if (!this.#isOnDuty) return;
    for (const command of this.#duties.due(nowMs)) this.#requests.raftTakes((raft) => raft.propose(command));
    if (this.#leaseReads && this.#tick % this.#heartbeatTicks === 0) this.#requests.probe(this.#tick, nowMs);
  }

  /**
   * The process of a member has ended. If it led, there is no need to wait for the election time-out: the lease that a leader
   * has over its followers' votes is over too. Members stand one after the other, so that they do not split the votes.
   */
  #onDead(peer: NodeId): void {
    this.#raft.reportUnreachable(peer);
    if (peer !== this.#lead || this.#leaseReads) return;
    this.#raft.forgetLeader();
    this.#succession.leaderDied(peer, this.#confState.voters, this.#tick);
  }

  #read({ id, query, consistency, deadlineMs }: Read, nowMs: number): void {
    if (consistency === 'serializable') {
      this.#requests.readNow(id, query);
    } else if (consistency === 'lease' && this.#hasLease(nowMs)) {
      // Followers may be further than a leader whose own disk is slow: what it knows to be committed may be known to clients.
      this.#requests.readAt(this.#raft.basicStatus().hardState.commit, id, query, deadlineMs);
    } else {
      this.#requests.read(id, query, deadlineMs, this.#tick, nowMs);
    }
  }

  #hasLease(nowMs: number): boolean {
    if (!this.#leaseReads || !this.#isOnDuty || this.#mayBeSucceeded) return false;
    return nowMs - this.#requests.confirmedSinceMs < this.#leaseMs;
  }

  #changeMembers({ id, changes, deadlineMs }: ChangeMembers): void {
    const planned = this.#book.plan(changes);
    const isJoint = this.#confState.votersOutgoing.length > 0;
    if (typeof planned === 'string' || isJoint) {
      const reason = typeof planned === 'string' ? planned : 'Another change is under way.';
      this.#requests.refuse(id, 'MEMBER_CHANGE_REFUSED', reason);
      return;
    }
    const context = encodeContext({ requestId: id, added: planned.added });
    const change = { transition: 'ConfChangeTransitionAuto' as const, changes: planned.changes, context };
    this.#requests.proposeMembers(id, change, deadlineMs, this.#tick);
  }

  #drain(nowMs: number): void {
    do {
      while (this.#raft.hasReady()) this.#handle(this.#raft.ready(), nowMs);
      for (const message of this.#persistence.done()) this.#written(message);
    } while (this.#raft.hasReady());
    this.#requests.answerReads(this.#applied.index);
  }

  #handle(ready: Ready, nowMs: number): void {
    if (ready.softState !== undefined || ready.hardState !== undefined) this.#noteRole(ready, nowMs);
    for (const state of ready.readStates) this.#requests.confirm(state, this.#tick, nowMs);
    for (const message of ready.messages) {
      if (message.to === LOCAL_APPEND_THREAD) this.#write(message);
      else if (message.to === LOCAL_APPLY_THREAD) this.#apply(message, nowMs);
      else this.#effects.push({ type: 'send', message });
    }
  }

  #noteRole({ softState, hardState }: Ready, nowMs: number): void {
    const term = hardState?.term ?? this.#term;
    const { role, lead } = softState ?? { role: this.#role, lead: this.#lead };
    const isOtherLead = term !== this.#term || lead !== this.#lead;
    if (term !== this.#term) this.#mayBeSucceeded = false;
    if (!isOtherLead && role === this.#role) return;
    this.#term = term;
    this.#role = role;
    this.#lead = lead;
    if (this.#isOnDuty && (role !== 'StateLeader' || isOtherLead)) {
      this.#isOnDuty = false;
      this.#duties.end();
    }
    this.#effects.push({ type: 'role', role, term, lead });
    if (lead === NONE || !isOtherLead) return;
    this.#succession.settled();
    this.#requests.onLeader(this.#tick, nowMs);
  }

  #write(message: Message): void {
    const batch = this.#persistence.take(message);
    if (batch !== undefined) this.#effects.push({ type: 'persist', batch });
  }

  #written({ snapshot, responses = [] }: Message): void {
    if (snapshot !== undefined) {
      this.#restore(snapshot);
      this.#effects.push({ type: 'restored', index: snapshot.metadata.index }, this.#membersEffect());
    }
    for (const response of responses) {
      // A leader that was removed meanwhile does not want to hear from itself.
      if (response.to === this.id) this.#requests.raftTakes((raft) => raft.step(response));
      else this.#effects.push({ type: 'send', message: response });
    }
  }

  #restore({ data, metadata }: Snapshot): void {
    const { book, state } = splitSnapshot(data);
    this.#machine.restore(state);
    this.#book = book;
    this.#confState = metadata.confState;
    this.#applied = { index: metadata.index, term: metadata.term };
    this.#checkpoints.reset();
  }

  #apply(message: Message, nowMs: number): void {
    for (const entry of message.entries) this.#applyEntry(entry);
    if (this.#role === 'StateLeader' && !this.#isOnDuty && this.#applied.term === this.#term) {
      this.#isOnDuty = true;
      this.#duties.begin(nowMs);
    }
    this.#checkpointIfDue();
    for (const response of message.responses ?? []) this.#raft.step(response);
  }

  #applyEntry(entry: Entry): void {
    this.#applied = { index: entry.index, term: entry.term };
    this.#checkpoints.noteApplied(entry.data.length);
    if (entry.type !== 'EntryNormal') this.#applyMembers(entry);
    // An empty one is how a leader begins.
    else if (entry.data.length > 0) this.#applyCommand(entry);
  }

  #applyCommand({ data, index }: Entry): void {
    const { id, answer, change } = this.#machine.apply(data, index);
    this.#requests.answer(id, answer);
    if (change !== undefined) this.#effects.push({ type: 'changed', index, change });
  }

  #applyMembers(entry: Entry): void {
    const change = decodeConfChange(entry);
    const context = decodeContext(change.context);
    const conflict = this.#book.conflict(context);
    if (conflict !== undefined) {
      this.#requests.refuseProposal(context?.requestId, 'MEMBER_CHANGE_REFUSED', conflict);
      return;
    }
    try {
      this.#confState = this.#raft.applyConfChange(change);
    } catch (error) {
      // Agreed on, and void for a reason that is the same at each member.
      if (!(error instanceof LatticeError)) throw error;
      this.#requests.refuseProposal(context?.requestId, error.code, error.message);
      return;
    }
    this.#book.apply(context, this.#confState);
    if (context !== undefined && context.added.length > 0) {
      // Whoever was taken in begins with a snapshot, and takes none that it is no member of.
      this.#storage.sentFromIndex = entry.index;
      this.#checkpoints.demand();
    }
    this.#effects.push(this.#membersEffect());
    this.#requests.answer(context?.requestId, this.#book.list);
  }

  #membersEffect(): ReplicaEffect {
    return { type: 'members', members: [...this.#book.list] };
  }

  #checkpointIfDue(): void {
    if (!this.#checkpoints.isDue) return;
    const snapshot = {
      metadata: { confState: this.#confState, ...this.#applied },
      data: joinSnapshot(this.#book, this.#machine.snapshot()),
    };
    this.#checkpoints.begin(snapshot);
    this.#effects.push({ type: 'checkpoint', snapshot });
  }
}
