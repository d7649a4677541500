import type { Lease } from '../types.ts';

/** A revocation that was handed out and has not come through the log by then is handed out again. */
const REVOKE_AGAIN_MS = 1_000;

interface Term {
  ttlMs: number;
  endsMs: number;
}

/**
 * Tells the leader which leases have ended. Grants and renewals go through the log, their times do not. So a new leader
 * gives every lease its whole time to live again, which may keep a dead holder's lease longer, and never ends one early.
 *
 * Two things are left to the caller. A new leader takes over only once it has applied the first entry of its own term:
 * a revocation of its predecessor may stand before it. And a revocation names the renewals that it knows of (`ifRenewals`):
 * one that stands in the log before it, and is not applied yet, makes it void.
 *
 * All times are monotonic, in milliseconds.
 */
export class Lessor {
  /** Undefined while this member does not lead. */
  #terms: Map<string, Term> | undefined;
  /** No lease ends before it: most ticks have nothing to look through. */
  #earliestEndMs = Number.POSITIVE_INFINITY;

  get leads(): boolean {
    return this.#terms !== undefined;
  }

  becameLeader(leases: Iterable<Lease>, nowMs: number): void {
    this.#terms = new Map();
    this.#earliestEndMs = Number.POSITIVE_INFINITY;
    for (const lease of leases) this.granted(lease, nowMs);
  }

  resigned(): void {
    this.#terms = undefined;
  }

  /** The log has granted or renewed a lease: its time to live begins anew. */
  granted({ id, ttlMs }: Lease, nowMs: number): void {
    this.#terms?.set(id, { ttlMs, endsMs: nowMs + ttlMs });
    this.#earliestEndMs = Math.min(this.#earliestEndMs, nowMs + ttlMs);
  }

  /** The log has revoked a lease. */
  revoked(id: string): void {
    this.#terms?.delete(id);
  }

  /** The leases that have ended: their revocation has to be proposed. One is told again while that has not been applied. */
  tick(nowMs: number): string[] {
    if (this.#terms === undefined || nowMs < this.#earliestEndMs) return [];
    const ended: string[] = [];
    this.#earliestEndMs = Number.POSITIVE_INFINITY;
    for (const [id, term] of this.#terms) {
      if (term.endsMs <= nowMs) {
        ended.push(id);
        term.endsMs = nowMs + REVOKE_AGAIN_MS;
      }
      this.#earliestEndMs = Math.min(this.#earliestEndMs, term.endsMs);
    }
    return ended;
  }
}
