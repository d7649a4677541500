import { LatticeError } from '../../../core/errors/index.ts';
import type { Lease, WatchEvent } from '../types.ts';
import { compareKeys } from './keys.ts';

/** A lease, and how often it was renewed, so that a revocation can be void when a renewal stands in the log before it. */
export interface HeldLease extends Lease {
  renewals: number;
}

/** Which leases there are and which keys hang on them. When a lease ends is the leader's business (lessor.ts). */
export class LeaseTable {
  readonly #leases = new Map<string, { ttlMs: number; renewals: number; keys: Set<string> }>();
  readonly #leasesMax: number;

  constructor(leasesMax: number) {
    this.#leasesMax = leasesMax;
  }

  /** In the order in which they were granted. */
  *[Symbol.iterator](): Generator<HeldLease> {
    for (const [id, { ttlMs, renewals }] of this.#leases) yield { id, ttlMs, renewals };
  }

  get(id: string): HeldLease | undefined {
    const lease = this.#leases.get(id);
    return lease && { id, ttlMs: lease.ttlMs, renewals: lease.renewals };
  }

  /** Throws LEASE_NOT_FOUND. */
  require(id: string): void {
    if (!this.#leases.has(id)) throw notFound(id);
  }

  /** Throws COORDINATION_REJECTED when the id is taken, or there are too many. */
  grant(id: string, ttlMs: number): Lease {
    if (this.#leases.has(id)) throw new LatticeError('COORDINATION_REJECTED', `The lease ${id} exists.`);
    if (this.#leases.size >= this.#leasesMax) {
      throw new LatticeError('COORDINATION_REJECTED', `There are ${this.#leasesMax} leases, which is the most.`);
    }
    this.#leases.set(id, { ttlMs, renewals: 0, keys: new Set() });
    return { id, ttlMs };
  }

  /** Throws LEASE_NOT_FOUND. */
  renew(id: string): Lease {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw notFound(id);
    lease.renewals += 1;
    return { id, ttlMs: lease.ttlMs };
  }

  /** Takes a lease over from a snapshot. */
  restore({ id, ttlMs, renewals }: HeldLease): void {
    this.#leases.set(id, { ttlMs, renewals, keys: new Set() });
  }

  /** Ends it; returns the keys that have to go with it, in the order of keys. Throws LEASE_NOT_FOUND. */
  revoke(id: string): string[] {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw notFound(id);
    this.#leases.delete(id);
    return [...lease.keys].sort(compareKeys);
  }

  /** A put moves its key to the lease that it names, or to none; a delete takes it off. */
  follow(events: readonly WatchEvent[]): void {
    for (const event of events) {
      const leaseBefore = event.previous?.leaseId;
      if (event.type === 'delete') {
        if (leaseBefore) this.#leases.get(leaseBefore)?.keys.delete(event.key);
        continue;
      }
      const { key, leaseId } = event.keyValue;
      if (leaseBefore === leaseId) continue;
      if (leaseBefore) this.#leases.get(leaseBefore)?.keys.delete(key);
      if (leaseId) this.attach(leaseId, key);
    }
  }

  attach(id: string, key: string): void {
    this.#leases.get(id)?.keys.add(key);
  }
}

function notFound(id: string): LatticeError {
  return new LatticeError('LEASE_NOT_FOUND', `There is no lease ${JSON.stringify(id.slice(0, 64))}.`);
}
