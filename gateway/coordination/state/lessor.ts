import type { Lease } from '../types.ts';

/** A revocation that was handed out and has not come through the log by then is handed out again. */
const REVOKE_AGAIN_MS = 1_000;

interface Term {
  ttlMs: number;
  endsMs: number;
  /** It was handed out to be revoked: it can be renewed no more. */
  ending: boolean;
}

/**
 * Tells the leader which leases have ended. Only the leader knows: the time of a renewal is not in the log. So a new leader
 * gives every lease its whole time to live again, which may keep a dead holder's lease longer, and never ends one early.
 *
 * Two things are left to the caller. A new leader takes over only once it has applied the first entry of its own term:
 * a revocation of its predecessor may stand before it. And a renewal is confirmed to the holder only when the leader is
 * known to have led at some time after it (as for a linearizable read): a deposed one renews nothing.
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

  /** The log has granted a lease. */
  granted({ id, ttlMs }: Lease, nowMs: number): void {
    this.#terms?.set(id, { ttlMs, endsMs: nowMs + ttlMs, ending: false });
    this.#earliestEndMs = Math.min(this.#earliestEndMs, nowMs + ttlMs);
  }

  /** The log has revoked a lease. */
  revoked(id: string): void {
    this.#terms?.delete(id);
  }

  /** Its time to live in ms, which begins anew; undefined when there is no such lease, it is ending, or this member does not lead. */
  renew(id: string, nowMs: number): number | undefined {
    const term = this.#terms?.get(id);
    if (term === undefined || term.ending) return undefined;
    term.endsMs = nowMs + term.ttlMs;
    return term.ttlMs;
  }

  /** The leases that have ended: their revocation has to be proposed. One is told again while that has not been applied. */
  tick(nowMs: number): string[] {
    if (this.#terms === undefined || nowMs < this.#earliestEndMs) return [];
    const ended: string[] = [];
    this.#earliestEndMs = Number.POSITIVE_INFINITY;
    for (const [id, term] of this.#terms) {
      if (term.endsMs <= nowMs) {
        ended.push(id);
        term.ending = true;
        term.endsMs = nowMs + REVOKE_AGAIN_MS;
      }
      this.#earliestEndMs = Math.min(this.#earliestEndMs, term.endsMs);
    }
    return ended;
  }
}
