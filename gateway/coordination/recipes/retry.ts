import { codeOf } from '../../../core/errors/index.ts';
import type { Random } from '../../../core/random/index.ts';
import { type Clock, delay } from '../../../core/time/index.ts';

/** Waits between two attempts, ms: the first, doubled to the last; half of each is random. */
const RETRY_MS = { first: 50, last: 2_000 } as const;

export interface RecipeDeps {
  clock: Clock;
  random: Random;
}

/** How long to wait before attempt `attempt` (0 is the first after a failure), ms. */
export function retryDelayMs(attempt: number, random: Random): number {
  const ceilingMs = Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** Math.min(attempt, 16));
  return ceilingMs * (0.5 + random.next() / 2);
}

/** The store may answer the next time. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'COORDINATION_UNAVAILABLE' || code === 'COORDINATION_TIMEOUT';
}

/**
 * Calls again while the store cannot be reached or does not answer in time, so the call has to be one that may be repeated.
 * Rejects with any other error, and with the last one when the signal aborts.
 */
export async function retrying<T>(deps: RecipeDeps, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error) || signal.aborted) throw error;
      await delay(deps.clock, retryDelayMs(attempt, deps.random), signal);
      if (signal.aborted) throw error;
    }
  }
}
