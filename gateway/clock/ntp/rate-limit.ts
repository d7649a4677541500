export interface RateLimits {
  /** Requests of one address that may come at once. */
  burst: number;
  /** One more every so often. */
  intervalMs: number;
  /** Addresses that are remembered; the one that was silent longest is forgotten for a new one. */
  addressesMax: number;
}

export const RATE_LIMITS: RateLimits = { burst: 16, intervalMs: 1_000, addressesMax: 4_096 };

interface Bucket {
  tokens: number;
  filledMs: number;
  isTold: boolean;
}

/**
 * A token bucket for each address. Who goes beyond it is told so once, and then ignored until there is a token again: a source
 * address can be forged, and then nobody who reads the answers has asked.
 */
export class RateLimit {
  readonly #limits: RateLimits;
  /** In the order in which they were last heard of. */
  readonly #buckets = new Map<string, Bucket>();
  #addressesForgotten = 0;

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  get addressesForgotten(): number {
    return this.#addressesForgotten;
  }

  take(address: string, nowMs: number): 'allow' | 'tell' | 'drop' {
    const bucket = this.#touch(address, nowMs);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      bucket.isTold = false;
      return 'allow';
    }
    if (bucket.isTold) return 'drop';
    bucket.isTold = true;
    return 'tell';
  }

  #touch(address: string, nowMs: number): Bucket {
    const { burst, intervalMs, addressesMax } = this.#limits;
    const bucket = this.#buckets.get(address) ?? { tokens: burst, filledMs: nowMs, isTold: false };
    bucket.tokens = Math.min(burst, bucket.tokens + (nowMs - bucket.filledMs) / intervalMs);
    bucket.filledMs = nowMs;
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > addressesMax) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        this.#addressesForgotten += 1;
        break;
      }
    }
    return bucket;
  }
}
