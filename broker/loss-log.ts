import type { Logger } from 'pino';
import type { DurableLog } from '../core/log/index.ts';
import type { Clock } from '../core/time/index.ts';
import type { Session } from './state/index.ts';

const DROP_LOG_INTERVAL_MS = 5_000;
const GAPS_LOGGED_MAX = 20;

/** Says in the log what a broker has lost, or dropped at a bound. */
export class LossLog {
  readonly #journal: Pick<DurableLog, 'gaps'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #loggedMs = new WeakMap<Session, number>();
  #damageLogged = '';

  constructor({ journal, clock, log }: { journal: Pick<DurableLog, 'gaps'>; clock: Clock; log: Logger }) {
    this.#journal = journal;
    this.#clock = clock;
    this.#log = log;
  }

  /** What the journal has lost to damage, each time that there is more of it. */
  damage(): void {
    const damaged = this.#journal.gaps.filter(({ cause }) => cause === 'damaged');
    const found = JSON.stringify(damaged);
    if (damaged.length === 0 || found === this.#damageLogged) return;
    this.#damageLogged = found;
    const gaps = damaged.slice(-GAPS_LOGGED_MAX);
    const fields = { code: 'JOURNAL_DAMAGED', count: damaged.length, gaps };
    this.#log.error(fields, 'the journal is damaged; the records at these positions are lost');
  }

  /** At the bound of a session's queue: at once when it is the session's first drop, and then again in intervals. */
  dropped(session: Session, dropped: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - (this.#loggedMs.get(session) ?? Number.NEGATIVE_INFINITY) < DROP_LOG_INTERVAL_MS) return;
    this.#loggedMs.set(session, nowMs);
    const { clientId, username } = session;
    const fields = { code: 'SESSION_QUEUE_FULL', clientId, username, dropped };
    // Whoever subscribes to shards is a gateway: its drops are acknowledged readings that reach no store.
    const isGateway = [...session.subscriptions.keys()].some((filter) => filter.startsWith('$shard/'));
    if (isGateway)
      this.#log.error(fields, 'the queue of a gateway is full; readings that were acknowledged are lost to it');
    else this.#log.warn(fields, 'the queue of a session is full; messages were dropped');
  }
}
