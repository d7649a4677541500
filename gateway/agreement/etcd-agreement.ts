import { LatticeError } from '../../core/errors/index.ts';
import { delay } from '../../core/time/index.ts';
import type { AgreementStatus } from '../../core/wire/index.ts';
import { type Coordinator, Election, Session } from '../coordination/index.ts';
import { Leadership } from './leadership.ts';
import type { AgreementOptions } from './raft-agreement.ts';
import type { Agreement } from './types.ts';

const ELECTION = 'site-leader';
const RETRY_MS = 1_000;
const STATUS_TIMEOUT_MS = 1_000;

/** The site's gateways agree through an etcd cluster: its members are its own, and the gateways elect their leader in it. */
export class EtcdAgreement implements Agreement {
  readonly driver = 'etcd';
  readonly coordinator: Coordinator;
  readonly #options: AgreementOptions;
  readonly #leadership = new Leadership();
  readonly #stopped = new AbortController();
  #campaigning: Promise<void> = Promise.resolve();

  constructor(coordinator: Coordinator, options: AgreementOptions) {
    this.coordinator = coordinator;
    this.#options = options;
  }

  start(): void {
    this.#campaigning = this.#campaign();
  }

  async status(): Promise<AgreementStatus> {
    const options = { timeoutMs: STATUS_TIMEOUT_MS };
    const [status, leader] = await Promise.all([
      this.coordinator.status(),
      new Election(ELECTION).leader(this.coordinator, options).catch(() => undefined),
    ]);
    return {
      driver: 'etcd',
      role: leader?.value === this.#options.name ? 'leader' : 'client',
      ...(leader === undefined ? {} : { leader: leader.value }),
      term: status.term,
      revision: status.revision,
      members: status.members,
    };
  }

  onLeadership(listener: (fencingToken: number | undefined) => void): () => void {
    return this.#leadership.listen(listener);
  }

  /** The members of etcd are no gateways: those of the configuration are told, once. */
  onMembers(listener: (names: string[]) => void): () => void {
    listener([...this.#options.members]);
    return () => {};
  }

  async changeMembers(): Promise<never> {
    throw new LatticeError(
      'MEMBER_CHANGE_REFUSED',
      'The gateways agree through etcd: its members are changed with etcdctl.',
    );
  }

  async transferTo(): Promise<never> {
    throw new LatticeError(
      'MEMBER_CHANGE_REFUSED',
      'The gateways agree through etcd: the next in line leads when the leader stops.',
    );
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#campaigning;
    await this.coordinator.close();
  }

  /** Stands for as long as this gateway runs. */
  async #campaign(): Promise<void> {
    const { clock, random, name, log } = this.#options;
    const { signal } = this.#stopped;
    const election = new Election(ELECTION);
    while (!signal.aborted) {
      try {
        const session = await Session.open(this.coordinator, { clock, random }, { signal });
        try {
          const leadership = await election.campaign(session, name, { signal });
          this.#leadership.set(leadership.fencingToken);
          await ended(leadership.lost, signal);
        } finally {
          this.#leadership.set(undefined);
          await session.close();
        }
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, 'this gateway could not stand for the lead of its site');
        await delay(clock, RETRY_MS, signal);
      }
    }
  }
}

function ended(...signals: AbortSignal[]): Promise<void> {
  const any = AbortSignal.any(signals);
  return new Promise((resolve) => {
    if (any.aborted) resolve();
    else any.addEventListener('abort', () => resolve(), { once: true });
  });
}
