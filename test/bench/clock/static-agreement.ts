import { LatticeError } from '../../../core/errors/index.ts';
import type { AgreementStatus } from '../../../core/wire/index.ts';
import type { Agreement } from '../../../gateway/agreement/index.ts';
import type { Coordinator } from '../../../gateway/coordination/index.ts';
import type { Transport } from '../../../gateway/transport/index.ts';

type LeadershipListener = (fencingToken: number | undefined) => void;

/** Members that agree on what they are told from outside: who they are never changes, and who leads is set. */
export class StaticAgreement implements Agreement {
  readonly driver = 'raft';
  readonly transport?: Transport;
  readonly #name: string;
  readonly #members: readonly string[];
  readonly #listeners = new Set<LeadershipListener>();
  #term = 0;
  #leader: string | undefined;

  constructor(name: string, members: readonly string[], transport?: Transport) {
    this.#name = name;
    this.#members = members;
    if (transport !== undefined) this.transport = transport;
  }

  setLeader(term: number, leader: string): void {
    const wasLeader = this.#leader === this.#name;
    this.#term = term;
    this.#leader = leader;
    if (leader !== this.#name && !wasLeader) return;
    for (const listener of this.#listeners) listener(this.#token);
  }

  async status(): Promise<AgreementStatus> {
    return {
      driver: 'raft',
      role: this.#leader === this.#name ? 'leader' : 'follower',
      ...(this.#leader === undefined ? {} : { leader: this.#leader }),
      term: this.#term,
      revision: 0,
      members: this.#members.map((name) => ({ name, role: 'voter' })),
    };
  }

  onLeadership(listener: LeadershipListener): () => void {
    this.#listeners.add(listener);
    if (this.#token !== undefined) listener(this.#token);
    return () => this.#listeners.delete(listener);
  }

  onMembers(listener: (names: string[]) => void): () => void {
    listener([...this.#members]);
    return () => {};
  }

  get coordinator(): Coordinator {
    throw new LatticeError('INTERNAL', 'Members of a benchmark of clocks coordinate nothing.');
  }

  async changeMembers(): Promise<never> {
    throw new LatticeError('MEMBER_CHANGE_REFUSED', 'The members are those that the benchmark began with.');
  }

  async transferTo(): Promise<never> {
    throw new LatticeError('MEMBER_CHANGE_REFUSED', 'The benchmark says who leads.');
  }

  async stop(): Promise<void> {}

  get #token(): number | undefined {
    return this.#leader === this.#name ? this.#term : undefined;
  }
}
