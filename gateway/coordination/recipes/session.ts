import { codeOf, LatticeError } from '../../../core/errors/index.ts';
import { delay, type Timer } from '../../../core/time/index.ts';
import type { CallOptions, Coordinator, Lease } from '../types.ts';
import { type RecipeDeps, retryDelayMs, retrying } from './retry.ts';

const TTL_MS_DEFAULT = 10_000;
/** Renewals are sent this often within a time to live, so that two may fail. */
const RENEWALS_PER_TTL = 3;
/** How much faster the store's clock may run than ours; far beyond what a quartz does (0.02 %). */
const CLOCK_DRIFT_MAX = 0.01;

export interface SessionOptions {
  /** Milliseconds, 1,000 or more. Default 10,000: how long others wait when this process dies. */
  ttlMs?: number;
}

/**
 * A lease that is kept alive, and what hangs on it: ZooKeeper's session, etcd's concurrency.Session.
 *
 * The session counts its time to live from the moment at which the last good renewal was sent, which is before the store
 * began to count. So it knows that it is lost before the store gives what it held to another. A process that stands still does
 * not know it: what it writes when it goes on has to be refused by its fencing token.
 */
export class Session {
  readonly coordinator: Coordinator;
  readonly deps: RecipeDeps;
  readonly leaseId: string;
  readonly #lost = new AbortController();
  #validUntilMs = 0;
  #expiry: Timer | undefined;
  #places = 0;

  /** Use Session.open(). */
  private constructor(coordinator: Coordinator, deps: RecipeDeps, lease: Lease, sentMs: number) {
    this.coordinator = coordinator;
    this.deps = deps;
    this.leaseId = lease.id;
    this.#renewed(sentMs, lease.ttlMs);
    // A failure inside the loop ends the session, so there is none to hear of.
    void this.#keepAlive(lease.ttlMs);
  }

  static async open(
    coordinator: Coordinator,
    deps: RecipeDeps,
    { ttlMs = TTL_MS_DEFAULT, ...call }: SessionOptions & CallOptions = {},
  ): Promise<Session> {
    const sentMs = deps.clock.monotonicMs();
    return new Session(coordinator, deps, await coordinator.grantLease(ttlMs, call), sentMs);
  }

  /** Aborts when the session has ended, by loss or by close(); its reason is a LatticeError, LEASE_NOT_FOUND. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Looks at the clock, and so is right when the process was stopped and no timer has fired yet. */
  get isLost(): boolean {
    if (this.deps.clock.monotonicMs() >= this.#validUntilMs) this.#end('was not renewed within its time to live');
    return this.#lost.signal.aborted;
  }

  /** A key that goes when the session does. */
  putEphemeral(key: string, value: string, options: CallOptions = {}): Promise<{ revision: number }> {
    return this.coordinator.put(key, value, { ...options, leaseId: this.leaseId });
  }

  /** Deletes a key of this session, however long the store cannot be reached; it is gone with the session at the latest. */
  async discard(key: string): Promise<void> {
    await this.untilLost(() => this.coordinator.delete({ key }, { signal: this.lost }));
  }

  /** Repeats a call that may be repeated while the session lives; its errors are of no interest once it does not. */
  async untilLost(call: () => Promise<unknown>): Promise<void> {
    if (this.isLost) return;
    await retrying(this.deps, this.lost, call).catch((error) => {
      if (!this.lost.aborted) throw error;
    });
  }

  /** A name that no other place of this session has. */
  nextPlace(): string {
    return `${this.leaseId}-${++this.#places}`;
  }

  /** Ends the lease, and what hangs on it. When the store cannot be reached, it ends by itself. Safe twice. */
  async close(): Promise<void> {
    if (this.#lost.signal.aborted) return;
    this.#end('was closed');
    await this.coordinator.revokeLease(this.leaseId).catch(() => {});
  }

  async #keepAlive(ttlMs: number): Promise<void> {
    const { clock, random } = this.deps;
    const intervalMs = ttlMs / RENEWALS_PER_TTL;
    for (let failures = 0; ; ) {
      const waitMs = failures === 0 ? intervalMs * (0.9 + random.next() / 10) : retryDelayMs(failures - 1, random);
      await delay(clock, Math.min(waitMs, intervalMs), this.lost);
      if (this.isLost) return;
      const sentMs = clock.monotonicMs();
      try {
        const lease = await this.coordinator.keepAlive(this.leaseId, { timeoutMs: intervalMs, signal: this.lost });
        failures = 0;
        if (!this.isLost) this.#renewed(sentMs, lease.ttlMs);
      } catch (error) {
        failures++;
        if (codeOf(error) === 'LEASE_NOT_FOUND') this.#end('has ended in the store', error);
      }
    }
  }

  #renewed(sentMs: number, ttlMs: number): void {
    this.#validUntilMs = sentMs + ttlMs * (1 - CLOCK_DRIFT_MAX);
    this.#expiry?.cancel();
    this.#armExpiry();
  }

  #armExpiry(): void {
    const { clock } = this.deps;
    this.#expiry = clock.setTimer(this.#validUntilMs - clock.monotonicMs(), () => {
      // Node's timers may fire a fraction of a millisecond before their time.
      if (!this.isLost) this.#armExpiry();
    });
  }

  #end(why: string, cause?: unknown): void {
    this.#expiry?.cancel();
    this.#lost.abort(new LatticeError('LEASE_NOT_FOUND', `The session ${this.leaseId} ${why}.`, { cause }));
  }
}
