import { type ErrorCode, LatticeError } from '../../../core/errors/index.ts';
import { type ConfChangeV2, RaftError, type RawNode, type ReadState } from '../raft/index.ts';
import { Proposals } from './proposals.ts';
import { Reads } from './reads.ts';
import type { ReplicaEffect, StateMachine } from './types.ts';

export interface RequestsOptions {
  raft: RawNode;
  machine: StateMachine;
  /** Tells this life of this member from every other one. */
  owner: number;
  /** A proposal or a question that nobody answered is put again after so many ticks. */
  retryTicks: number;
  requestsMax: number;
  tell: (effect: ReplicaEffect) => void;
}

/** What clients of this member have asked and not been answered yet. */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #proposals: Proposals;
  readonly #reads: Reads;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#proposals = new Proposals(options.retryTicks);
    this.#reads = new Reads(options.owner, options.retryTicks, (context) => options.raft.readIndex(context));
  }

  /** See Reads. */
  get confirmedSinceMs(): number {
    return this.#reads.confirmedSinceMs;
  }

  propose(id: string, command: Uint8Array, deadlineMs: number, tick: number): void {
    if (this.#hasNoRoom(id)) return;
    this.#proposals.add(id, deadlineMs, tick, () => this.raftTakes((raft) => raft.propose(command)));
  }

  /** Once: a second try could undo what somebody else has changed in between. */
  proposeMembers(id: string, change: ConfChangeV2, deadlineMs: number, tick: number): void {
    if (this.#hasNoRoom(id)) return;
    let isTaken = false;
    this.#proposals.add(id, deadlineMs, tick, () => {
      isTaken ||= this.raftTakes((raft) => raft.proposeConfChange(change));
      return isTaken;
    });
  }

  read(id: string, query: unknown, deadlineMs: number, tick: number, nowMs: number): void {
    if (!this.#hasNoRoom(id)) this.#reads.add({ id, query, deadlineMs }, tick, nowMs);
  }

  /** Answers once so much is applied here. */
  readAt(index: number, id: string, query: unknown, deadlineMs: number): void {
    if (!this.#hasNoRoom(id)) this.#reads.addConfirmed({ id, query, deadlineMs }, index);
  }

  /** Answers from the state as it is here. */
  readNow(id: string, query: unknown): void {
    try {
      this.#options.tell({ type: 'answer', id, answer: this.#options.machine.query(query) });
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      this.refuse(id, error.code, error.message);
    }
  }

  probe(tick: number, nowMs: number): void {
    this.#reads.probe(tick, nowMs);
  }

  confirm(state: ReadState, tick: number, nowMs: number): void {
    this.#reads.confirm(state, tick, nowMs);
  }

  answer(id: string | undefined, answer: unknown): void {
    if (id !== undefined && this.#proposals.settle(id)) this.#options.tell({ type: 'answer', id, answer });
  }

  refuseProposal(id: string | undefined, code: ErrorCode, reason: string): void {
    if (id !== undefined && this.#proposals.settle(id)) this.refuse(id, code, reason);
  }

  answerReads(appliedIndex: number): void {
    for (const { id, query } of this.#reads.ready(appliedIndex)) this.readNow(id, query);
  }

  onTick(tick: number, nowMs: number): void {
    this.#proposals.expire(nowMs, this.refuse);
    this.#reads.expire(nowMs, this.refuse);
    this.#proposals.retry(tick, false);
    this.#reads.retry(tick, nowMs, false);
  }

  /** Another leader, or another term: what was asked of the one before may be lost. */
  onLeader(tick: number, nowMs: number): void {
    this.#reads.forgetLease();
    this.#proposals.retry(tick, true);
    this.#reads.retry(tick, nowMs, true);
  }

  readonly refuse = (id: string, code: ErrorCode, reason: string): void => {
    this.#options.tell({ type: 'refuse', id, code, reason });
  };

  /** Whether Raft takes a proposal; it does not while there is no leader, or too much is under way. */
  raftTakes(propose: (raft: RawNode) => void): boolean {
    try {
      propose(this.#options.raft);
      return true;
    } catch (error) {
      if (error instanceof RaftError) return false;
      throw error;
    }
  }

  #hasNoRoom(id: string): boolean {
    const { requestsMax } = this.#options;
    if (this.#proposals.size + this.#reads.size < requestsMax) return false;
    this.refuse(id, 'COORDINATION_REJECTED', `${requestsMax} requests are under way at this gateway.`);
    return true;
  }
}
