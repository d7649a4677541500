import type { Clock, Timer } from '../../core/time/index.ts';
import type { Agreement } from '../agreement/index.ts';
import { parseAddress } from '../transport/index.ts';
import type { ProbePeer } from './probe/index.ts';

export interface Role {
  term: number;
  isMaster: boolean;
  leader: string | undefined;
  members: string[];
  /** Where the others answer probes, as far as the agreement knows. */
  peers: ProbePeer[];
}

const LOOK_EVERY_MS = 1_000;

/** Tells who leads the site and who takes part: at once when this gateway begins or ends to lead, and looked up every second. */
export class RoleWatch {
  readonly #agreement: Agreement;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #onRole: (role: Role) => void;
  #token: number | undefined;
  #members: string[] = [];
  #lastTerm = 0;
  #timer: Timer | undefined;
  #stops: (() => void)[] = [];
  #isStopped = false;

  constructor(agreement: Agreement, name: string, clock: Clock, onRole: (role: Role) => void) {
    this.#agreement = agreement;
    this.#name = name;
    this.#clock = clock;
    this.#onRole = onRole;
  }

  start(): void {
    this.#stops = [
      this.#agreement.onLeadership((token) => {
        this.#token = token;
        void this.#look();
      }),
      this.#agreement.onMembers((names) => {
        this.#members = names;
      }),
    ];
    void this.#again();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const stop of this.#stops) stop();
  }

  async #again(): Promise<void> {
    await this.#look();
    if (!this.#isStopped) this.#timer = this.#clock.setTimer(LOOK_EVERY_MS, () => void this.#again());
  }

  async #look(): Promise<void> {
    const status = await this.#agreement.status().catch(() => undefined);
    if (this.#isStopped || status === undefined) return;
    const isMaster = this.#token !== undefined;
    // Terms of Raft are those of the messages; with etcd only the leader itself knows its token.
    const isRaft = status.driver === 'raft';
    this.#lastTerm = Math.max(this.#lastTerm, this.#token ?? (isRaft ? status.term : 0));
    const peers = status.members.flatMap(({ name, address }) => {
      if (address === undefined || name === this.#name || !isRaft) return [];
      return [{ name, ...parseAddress(address) }];
    });
    const leader = isMaster ? this.#name : isRaft ? status.leader : undefined;
    this.#onRole({ term: this.#lastTerm, isMaster, leader, members: this.#members, peers });
  }
}
