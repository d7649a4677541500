import { hash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Clock } from '../time/index.ts';

/** Wrong tries of one name from one network in a window. */
const NAME_TRIES_MAX = 10;
/** Wrong tries of all names together from one network in a window. */
const NETWORK_TRIES_MAX = 100;
const WINDOW_MS = 30_000;
const BUCKETS_MAX = 10_000;

interface Bucket {
  tries: number;
  sinceMs: number;
}

/**
 * Counts wrong logins by network and name, so that one misconfigured device does not lock out the people behind the same
 * address; and by network alone with a wider bound, so that guessing names is no way around the first. A name counts the
 * same whether it has an account or not: otherwise the throttle would tell which names have one. The table is bounded;
 * the oldest entry goes.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long this address must wait before it tries this name again, ms; 0 when it may try now. */
  waitMs(address: string, username: string): number {
    const network = networkOf(address);
    return Math.max(this.#waitMs(nameKey(network, username), NAME_TRIES_MAX), this.#waitMs(network, NETWORK_TRIES_MAX));
  }

  /**
   * Counts a try before its outcome is known, so that a hundred at once are not all let through; returns what takes the
   * count back once the password turns out to be right.
   */
  tried(address: string, username: string): () => void {
    const network = networkOf(address);
    const counted = [this.#count(nameKey(network, username)), this.#count(network)];
    return () => {
      for (const bucket of counted) bucket.tries -= 1;
    };
  }

  #waitMs(key: string, triesMax: number): number {
    const bucket = this.#current(key);
    if (bucket === undefined || bucket.tries < triesMax) return 0;
    return bucket.sinceMs + WINDOW_MS - this.#clock.monotonicMs();
  }

  #count(key: string): Bucket {
    const bucket = this.#current(key) ?? { tries: 0, sinceMs: this.#clock.monotonicMs() };
    bucket.tries += 1;
    if (!this.#buckets.has(key) && this.#buckets.size >= BUCKETS_MAX) {
      const oldest = this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #current(key: string): Bucket | undefined {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined || this.#clock.monotonicMs() - bucket.sinceMs < WINDOW_MS) return bucket;
    this.#buckets.delete(key);
    return undefined;
  }
}

/** Names come from strangers and may have 64 KiB, so the table holds their digests. */
function nameKey(network: string, username: string): string {
  return `${network} ${hash('sha256', username, 'base64')}`;
}

const IPV6_GROUPS = 8;
const IPV6_NETWORK_GROUPS = 4;

/** What one stranger has at his disposal: one IPv4 address, or the 2^64 addresses of an IPv6 network (RFC 6177). */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = new Array<string>(Math.max(0, IPV6_GROUPS - first.length - last.length)).fill('0');
  return `${[...first, ...zeros, ...last].slice(0, IPV6_NETWORK_GROUPS).join(':')}::/64`;
}
