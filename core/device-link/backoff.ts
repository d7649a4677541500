import type { Random } from '../random/index.ts';

/** First and longest wait between two attempts to connect. */
export const BACKOFF: BackoffBounds = { firstMs: 250, lastMs: 10_000 };

export interface BackoffBounds {
  readonly firstMs: number;
  readonly lastMs: number;
}

/**
 * How long to wait before attempt number `attempt` (0 is the first after a failure), in ms: exponential with equal
 * jitter, half fixed and half random (M. Brooker, "Exponential Backoff And Jitter", 2015), so that a fleet that lost
 * its broker at one moment does not come back at one moment.
 */
export function backoffMs(attempt: number, random: Random, { firstMs, lastMs } = BACKOFF): number {
  const ceilingMs = Math.min(lastMs, firstMs * 2 ** Math.min(attempt, 16));
  return ceilingMs / 2 + random.next() * (ceilingMs / 2);
}
