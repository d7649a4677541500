import type { Clock } from '../../core/time/index.ts';

const FAILURES_MAX = 10;
const WINDOW_MS = 30_000;
const TABLE_MAX = 10_000;

interface Bucket {
  failures: number;
  sinceMs: number;
}

/**
 * Counts failed logins by address, and by the person's account that was tried, so that one misconfigured device does not
 * lock out the people behind the same address. The table is bounded; the oldest entry goes.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isThrottled(address: string, account: string): boolean {
    return (this.#current(address, account)?.failures ?? 0) >= FAILURES_MAX;
  }

  /** Counts a failure; returns how many there were in this window. */
  failed(address: string, account: string): number {
    const key = keyOf(address, account);
    const bucket = this.#current(address, account) ?? { failures: 0, sinceMs: this.#clock.monotonicMs() };
    bucket.failures += 1;
    if (!this.#buckets.has(key) && this.#buckets.size >= TABLE_MAX) {
      const oldest = this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    this.#buckets.set(key, bucket);
    return bucket.failures;
  }

  #current(address: string, account: string): Bucket | undefined {
    const key = keyOf(address, account);
    const bucket = this.#buckets.get(key);
    if (bucket === undefined || this.#clock.monotonicMs() - bucket.sinceMs < WINDOW_MS) return bucket;
    this.#buckets.delete(key);
    return undefined;
  }
}

function keyOf(address: string, account: string): string {
  return `${address} ${account}`;
}
