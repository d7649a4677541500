import { backoffMs } from '../../core/device-link/index.ts';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay, type Timer } from '../../core/time/index.ts';
import type { Coordinator } from '../coordination/types.ts';
import { type Ask, type Effect, type Event, type Finished, type Step, stepTransaction } from './core/index.ts';

/** What transactions need of a site's group. */
export type SiteGroup = Pick<Coordinator, 'transaction' | 'range'>;

export interface RunOptions {
  sites: ReadonlyMap<string, SiteGroup>;
  clock: Clock;
  random: Random;
  /** Of one request to one site, in ms; a request that took longer is sent again. */
  requestTimeoutMs: number;
  /** Ends the run as it stands. */
  signal: AbortSignal;
}

/**
 * Carries out the effects of a transaction until it finishes. Requests that fail are sent again after a wait that grows.
 * Rejects with TRANSACTION_IN_DOUBT when a record of the transaction cannot be read, and with INTERNAL when a site had ended
 * it the other way.
 */
export function run(first: Step, options: RunOptions): Promise<Finished> {
  const { sites, clock, random, requestTimeoutMs, signal } = options;
  const over = new AbortController();
  const timers: Timer[] = [];
  let { state } = first;

  const transact = async (ask: Ask): Promise<Answer> => {
    if (ask.attempt > 0) await delay(clock, backoffMs(ask.attempt - 1, random), over.signal);
    if (over.signal.aborted) return { kind: 'failed', reason: 'the run is over', refused: false };
    const site = sites.get(ask.site);
    if (site === undefined) return { kind: 'failed', reason: 'the site is not known here', refused: false };
    try {
      const asked = { timeoutMs: requestTimeoutMs, signal: over.signal };
      return { kind: 'reply', result: await site.transaction(ask.transaction, asked) };
    } catch (error) {
      const refused = codeOf(error) === 'COORDINATION_REJECTED';
      return { kind: 'failed', reason: messageOf(error), refused };
    }
  };

  return new Promise((resolve, reject) => {
    const deliver = (event: Event): void => {
      try {
        const step = stepTransaction(state, event);
        state = step.state;
        perform(step.effects);
      } catch (cause) {
        end();
        const detail = `Transaction ${state.plan.id}: a record of it cannot be read: ${messageOf(cause)}.`;
        reject(new LatticeError('TRANSACTION_IN_DOUBT', detail, { cause }));
      }
    };
    const perform = (effects: Effect[]): void => {
      for (const effect of effects) {
        if (effect.kind === 'timer') {
          const { timer, delayMs } = effect;
          timers.push(clock.setTimer(delayMs, () => deliver({ kind: 'timer', timer })));
        } else if (effect.kind === 'transact') {
          const { request } = effect;
          void transact(effect.ask).then((answer) => deliver({ ...answer, request }));
        } else {
          end();
          const { outcome, contradictedBy } = effect.result;
          if (contradictedBy === undefined) resolve(effect.result);
          else reject(contradiction(state.plan.id, outcome, contradictedBy));
        }
      }
    };
    const stop = (): void => deliver({ kind: 'timer', timer: 'finish' });
    const end = (): void => {
      signal.removeEventListener('abort', stop);
      over.abort();
      for (const timer of timers) timer.cancel();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    else perform(first.effects);
  });
}

type Answer = Omit<Extract<Event, { kind: 'reply' }>, 'request'> | Omit<Extract<Event, { kind: 'failed' }>, 'request'>;

function contradiction(id: string, outcome: string | undefined, site: string): LatticeError {
  return new LatticeError('INTERNAL', `Transaction ${id} was to ${outcome}, and ${site} had ended it otherwise.`);
}
