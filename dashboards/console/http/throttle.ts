import type { Clock } from '../../../core/time/index.ts';

/** Failures that a person makes by mistake. */
const FREE_FAILURES = 5;
const WAIT_MS_FIRST = 1_000;
const WAIT_MS_MAX = 30_000;
/** Failures are forgotten after this long without another. */
const FORGET_MS = 10 * 60_000;
/** Addresses remembered; at the bound the oldest goes. */
const ADDRESSES_MAX = 10_000;

/** Slows down whoever guesses passwords: after five failures from an address each further one doubles the wait. */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { count: number; lastMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long this address must wait before its next try, ms; 0 when it may try now. */
  waitMs(address: string): number {
    const entry = this.#failures.get(address);
    if (entry === undefined || entry.count < FREE_FAILURES) return 0;
    const waitMs = Math.min(WAIT_MS_MAX, WAIT_MS_FIRST * 2 ** (entry.count - FREE_FAILURES));
    return Math.max(0, entry.lastMs + waitMs - this.#clock.monotonicMs());
  }

  failed(address: string): void {
    const nowMs = this.#clock.monotonicMs();
    const entry = this.#failures.get(address);
    const count = entry === undefined || nowMs - entry.lastMs > FORGET_MS ? 1 : entry.count + 1;
    this.#failures.delete(address);
    this.#failures.set(address, { count, lastMs: nowMs });
    if (this.#failures.size <= ADDRESSES_MAX) return;
    for (const oldest of this.#failures.keys()) {
      this.#failures.delete(oldest);
      return;
    }
  }

  succeeded(address: string): void {
    this.#failures.delete(address);
  }
}
