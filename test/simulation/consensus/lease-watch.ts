import type { Applied } from '../../../gateway/consensus/replica/index.ts';
import type { CommandResult } from '../../../gateway/coordination/state/index.ts';
import { Violation } from '../violation.ts';

/** How the requests begin that a leader makes of its own accord. */
export const LEADER_CLIENT = 'leader-';
/** Twice what the fault of a clock comes to. */
const DRIFT_MAX = 0.001;

/** No lease must be ended by a leader sooner than its time to live after it was granted, or renewed, as the log has it. */
export class LeaseWatch {
  readonly #leases = new Map<string, { ttlMs: number; sinceMs: number }>();
  /** Of requests that came more than once the first counts. */
  readonly #seen = new Set<string>();

  /** What the first member to apply an entry made of it, at that time. */
  applied({ id, answer }: Applied, nowMs: number): void {
    if (id === undefined || this.#seen.has(id)) return;
    this.#seen.add(id);
    const result = answer as CommandResult;
    if (result.type === 'lease-grant' || result.type === 'lease-renew') {
      this.#leases.set(result.lease.id, { ttlMs: result.lease.ttlMs, sinceMs: nowMs });
    } else if (result.type === 'lease-revoke') {
      const lease = this.#leases.get(result.leaseId);
      this.#leases.delete(result.leaseId);
      if (lease === undefined || !id.startsWith(LEADER_CLIENT)) return;
      const livedMs = nowMs - lease.sinceMs;
      if (livedMs >= lease.ttlMs * (1 - DRIFT_MAX)) return;
      const times = `${livedMs.toFixed(0)} ms after it was granted or renewed for ${lease.ttlMs} ms`;
      throw new Violation(`${id} ends the lease ${result.leaseId} ${times}`);
    }
  }
}
