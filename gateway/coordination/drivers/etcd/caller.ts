import { LatticeError } from '../../../../core/errors/index.ts';
import type { Random } from '../../../../core/random/index.ts';
import { type Clock, delay } from '../../../../core/time/index.ts';
import type { CallOptions } from '../../types.ts';
import { faultOf } from './faults.ts';

const TIMEOUT_MS_DEFAULT = 5_000;
/** Waits between two attempts, ms: the first, doubled to the last; half of each is random. */
const RETRY_MS = { first: 20, last: 1_000 } as const;

export interface CallerDeps {
  clock: Clock;
  random: Random;
}

/** How long to wait before attempt `attempt` (0 is the first after a failure), ms. */
export function retryDelayMs(attempt: number, random: Random): number {
  const ceilingMs = Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** Math.min(attempt, 16));
  return ceilingMs * (0.5 + random.next() / 2);
}

/**
 * Makes calls within their deadline, again and again where that can do no harm. etcd3's own retries are off: they would
 * repeat a write that had been carried out before the connection broke.
 */
export class Caller {
  readonly #deps: CallerDeps;
  readonly #closed = new AbortController();

  constructor(deps: CallerDeps) {
    this.#deps = deps;
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  close(): void {
    this.#closed.abort();
  }

  read<T>(what: string, options: CallOptions, call: (deadlineWallMs: number) => Promise<T>): Promise<T> {
    return this.#call(what, false, options, call);
  }

  write<T>(what: string, options: CallOptions, call: (deadlineWallMs: number) => Promise<T>): Promise<T> {
    return this.#call(what, true, options, call);
  }

  async #call<T>(
    what: string,
    isWrite: boolean,
    { timeoutMs = TIMEOUT_MS_DEFAULT, signal }: CallOptions,
    call: (deadlineWallMs: number) => Promise<T>,
  ): Promise<T> {
    if (this.closed.aborted) throw closedError(what);
    const { clock } = this.#deps;
    const ended = new AbortController();
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    let isUnderWay = false;
    const attempts = async (): Promise<T> => {
      for (let attempt = 0; ; attempt++) {
        try {
          isUnderWay = true;
          return await call(clock.wallMs() + Math.max(1, deadlineMs - clock.monotonicMs()));
        } catch (cause) {
          isUnderWay = false;
          const { error, isRetrySafe } = faultOf(cause, what, isWrite);
          const waitMs = retryDelayMs(attempt, this.#deps.random);
          if (!isRetrySafe || clock.monotonicMs() + waitMs >= deadlineMs) throw error;
          await delay(clock, waitMs, ended.signal);
          if (ended.signal.aborted) throw error;
        }
      }
    };
    const givenUp = Promise.withResolvers<never>();
    const giveUp = (why: string): void =>
      givenUp.reject(
        new LatticeError(isUnderWay ? 'COORDINATION_TIMEOUT' : 'COORDINATION_UNAVAILABLE', `${what}: ${why}`),
      );
    const onAbort = (): void => giveUp('the call was cancelled.');
    const onClosed = (): void => giveUp('the client was closed.');
    const timer = clock.setTimer(timeoutMs, () => giveUp(`no answer within ${timeoutMs} ms.`));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.closed.addEventListener('abort', onClosed, { once: true });
    if (signal?.aborted) onAbort();
    try {
      // A call that was given up goes on to its deadline in etcd3, which cannot cancel one; race() hears its failure.
      return await Promise.race(signal?.aborted ? [givenUp.promise] : [givenUp.promise, attempts()]);
    } finally {
      timer.cancel();
      ended.abort();
      signal?.removeEventListener('abort', onAbort);
      this.closed.removeEventListener('abort', onClosed);
    }
  }
}

export function closedError(what: string): LatticeError {
  return new LatticeError('COORDINATION_UNAVAILABLE', `${what}: the client is closed.`);
}
