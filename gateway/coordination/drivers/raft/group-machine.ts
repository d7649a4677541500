import type { Applied, LeaderDuties, StateMachine } from '../../../consensus/index.ts';
import {
  type Command,
  type CommandResult,
  CoordinationMachine,
  encodeRequest,
  Lessor,
  type RequestId,
} from '../../state/index.ts';
import type { KeyRange } from '../../types.ts';

/** Revisions that are kept for watches and reads of the past; the leader compacts when there are twice as many. */
const HISTORY_REVISIONS = 10_000;

/** A read of the state, as it goes through a replica. */
export interface RangeQuery {
  range: KeyRange;
  revision?: number | undefined;
  limit?: number | undefined;
}

export interface GroupMachineOptions {
  /** Tells the requests of this life of this member from all others; at most 60 characters. */
  client: string;
}

/**
 * The coordination state as a Raft group keeps it, with what its leader does beside: it ends leases that were not renewed, and
 * forgets old history. It tells the time for nothing else, and what it decides goes through the log.
 */
export class GroupMachine implements StateMachine, LeaderDuties {
  readonly state = new CoordinationMachine();
  readonly #client: string;
  readonly #lessor = new Lessor();
  /** Leases that were granted or renewed since the leader looked last. */
  readonly #renewed = new Set<string>();
  #sequence = 0;

  constructor({ client }: GroupMachineOptions) {
    this.#client = client;
  }

  apply(command: Uint8Array, index: number): Applied {
    const { id, result, repeated, batch } = this.state.apply(command, index);
    if (this.#lessor.leads && !repeated) this.#follow(result);
    return { id: id === undefined ? undefined : requestKey(id), answer: result, change: batch };
  }

  query(query: unknown): unknown {
    const { range, revision, limit } = query as RangeQuery;
    return this.state.query(range, {
      ...(revision === undefined ? {} : { revision }),
      ...(limit === undefined ? {} : { limit }),
    });
  }

  snapshot(): Uint8Array {
    return this.state.snapshot();
  }

  restore(snapshot: Uint8Array): void {
    this.state.restore(snapshot);
  }

  begin(nowMs: number): void {
    this.#renewed.clear();
    this.#lessor.becameLeader(this.state.leases(), nowMs);
  }

  end(): void {
    this.#lessor.resigned();
  }

  due(nowMs: number): Uint8Array[] {
    for (const leaseId of this.#renewed) {
      const lease = this.state.lease(leaseId);
      if (lease !== undefined) this.#lessor.granted(lease, nowMs);
    }
    this.#renewed.clear();
    const commands = this.#lessor.tick(nowMs).flatMap((leaseId): Command[] => {
      const lease = this.state.lease(leaseId);
      // A renewal that stands in the log before it, and was not applied here yet, makes it void.
      return lease === undefined ? [] : [{ type: 'lease-revoke', leaseId, ifRenewals: lease.renewals }];
    });
    const { revision, compactedRevision } = this.state;
    if (revision - compactedRevision > 2 * HISTORY_REVISIONS) {
      commands.push({ type: 'compact', revision: revision - HISTORY_REVISIONS });
    }
    return commands.map((command) => encodeRequest({ id: this.nextId(), command }));
  }

  nextId(): RequestId {
    return { client: this.#client, sequence: ++this.#sequence };
  }

  #follow(result: CommandResult): void {
    if (result.type === 'lease-grant' || result.type === 'lease-renew') this.#renewed.add(result.lease.id);
    if (result.type === 'lease-revoke') this.#lessor.revoked(result.leaseId);
  }
}

/** The id as the replica knows it. */
export function requestKey({ client, sequence }: RequestId): string {
  return `${client}#${sequence}`;
}
