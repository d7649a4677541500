import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { LatticeError } from '../../../core/errors/index.ts';
import type { KeyRange, KeyValue, Transaction, WatchBatch, WatchEvent } from '../types.ts';
import { AppliedRequests } from './applied-requests.ts';
import { type Command, type CommandResult, decodeRequest, type RequestId } from './commands.ts';
import { type HeldLease, LeaseTable } from './leases.ts';
import { STATE_LIMITS, type StateLimits } from './limits.ts';
import { readSnapshot, snapshotPieces } from './snapshot.ts';
import { MvccStore } from './store.ts';
import { applyTransaction, checkRange } from './transaction.ts';

export interface ApplyResult {
  /** Whose request it was; undefined when the bytes were no request. */
  id?: RequestId;
  result: CommandResult;
  /** It had been applied before: `result` is what it came to then, and nothing was changed. */
  repeated: boolean;
  /** The revision that it made, for the watches. */
  batch?: WatchBatch;
}

/**
 * The store as every member of the group holds it: it takes the committed commands in the order of the log, and two
 * machines that took the same ones are equal to the byte. It knows neither time nor network: when a lease ends is told by
 * the lessor of the leader, through the log.
 */
export class CoordinationMachine {
  readonly #limits: StateLimits;
  #store = new MvccStore();
  #leases: LeaseTable;
  #requests: AppliedRequests;
  #index = 0;
  #outcomeHash = 0;

  constructor(limits: StateLimits = STATE_LIMITS) {
    this.#limits = limits;
    this.#leases = new LeaseTable(limits.leasesMax);
    this.#requests = new AppliedRequests(limits);
  }

  get revision(): number {
    return this.#store.revision;
  }

  get compactedRevision(): number {
    return this.#store.compactedRevision;
  }

  /** Index of the last entry that was applied. */
  get appliedIndex(): number {
    return this.#index;
  }

  /**
   * CRC-32 of what every entry so far came to: two members at the same appliedIndex have the same one, or one of them went
   * wrong. Costs next to nothing, where digest() looks at everything.
   */
  get outcomeHash(): number {
    return this.#outcomeHash;
  }

  get keys(): number {
    return this.#store.keys;
  }

  /** What keys and history take, in bytes, roughly. */
  get bytes(): number {
    return this.#store.bytes;
  }

  leases(): Iterable<HeldLease> {
    return this.#leases;
  }

  lease(id: string): HeldLease | undefined {
    return this.#leases.get(id);
  }

  /**
   * Applies the entry at the index. Bytes that are no request come to an error, the same one on every member. Empty bytes
   * are the entry that a leader begins its term with. Throws INTERNAL when the index is not above appliedIndex.
   */
  apply(entry: Uint8Array, index: number): ApplyResult {
    if (index <= this.#index) {
      throw new LatticeError('INTERNAL', `Entry ${index} was to be applied behind entry ${this.#index}.`);
    }
    this.#index = index;
    const applied = this.#apply(entry, index);
    this.#outcomeHash = crc32(outcomeText(index, applied), this.#outcomeHash);
    return applied;
  }

  /**
   * As of the revision, default the newest; in the order of keys, at most `limit`. Throws REVISION_COMPACTED,
   * REVISION_IN_FUTURE or COORDINATION_REJECTED.
   */
  query(
    range: KeyRange,
    options: { revision?: number; limit?: number } = {},
  ): { keyValues: KeyValue[]; hasMore: boolean; revision: number } {
    checkRange(range, this.#limits);
    return { ...this.#store.range(range, options), revision: this.revision };
  }

  /**
   * The events of a revision from compactedRevision to the newest, in the order in which they were made; the previous
   * values of the oldest are gone. Empty for a revision that is not kept.
   */
  eventsAt(revision: number): WatchEvent[] {
    return this.#store.eventsAt(revision);
  }

  snapshot(): Uint8Array {
    return Buffer.concat([...this.snapshotPieces()]);
  }

  /** The state as it is now, in pieces of some 64 KiB; entries may be applied while they are taken, one after the other. */
  snapshotPieces(): Iterable<Uint8Array> {
    // Changes are never changed themselves: it is enough to hold on to them.
    return snapshotPieces(
      {
        index: this.#index,
        outcomeHash: this.#outcomeHash,
        revision: this.revision,
        compactedRevision: this.compactedRevision,
      },
      {
        settled: [...this.#store.settled()],
        history: [...this.#store.history()],
        leases: [...this.#leases],
        clients: [...this.#requests.records()],
      },
    );
  }

  /** Becomes what the snapshot was taken from. Throws RAFT_STORAGE_DAMAGED, and is as it was. */
  restore(snapshot: Uint8Array): void {
    const { settled, history, leases, clients, revision, compactedRevision, ...header } = readSnapshot(snapshot);
    this.#store = MvccStore.restore({ revision, compactedRevision, settled, history });
    this.#leases = new LeaseTable(this.#limits.leasesMax);
    for (const lease of leases) this.#leases.restore(lease);
    for (const { key, leaseId } of this.#store.range({ prefix: '' }).keyValues) {
      if (leaseId) this.#leases.attach(leaseId, key);
    }
    this.#requests = new AppliedRequests(this.#limits);
    this.#requests.restore(clients);
    this.#index = header.index;
    this.#outcomeHash = header.outcomeHash;
  }

  /** SHA-256 of the whole state, hexadecimal: as costly as a snapshot. */
  digest(): string {
    const hash = createHash('sha256');
    for (const piece of this.snapshotPieces()) hash.update(piece);
    return hash.digest('hex');
  }

  #apply(entry: Uint8Array, index: number): ApplyResult {
    if (entry.length === 0) return { result: { type: 'noop', revision: this.revision }, repeated: false };
    const request = decodeRequest(entry);
    if (request === undefined) {
      const result = failed(new LatticeError('COORDINATION_REJECTED', 'The command is malformed.'));
      return { result, repeated: false };
    }
    const { id, command } = request;
    const before = this.#requests.find(id);
    if (before) return { id, result: before, repeated: true };
    const result = this.#attempt(command);
    const batch = this.#store.commit();
    if (batch) this.#leases.follow(batch.events);
    this.#requests.add(id, index, result);
    return batch ? { id, result, repeated: false, batch } : { id, result, repeated: false };
  }

  #attempt(command: Command): CommandResult {
    try {
      return this.#execute(command);
    } catch (error) {
      if (error instanceof LatticeError) return failed(error);
      throw error;
    }
  }

  #execute(command: Command): CommandResult {
    switch (command.type) {
      case 'put': {
        const { key, value, leaseId = '' } = command;
        return this.#transact({ compare: [], success: [{ op: 'put', key, value, leaseId }], failure: [] });
      }
      case 'delete':
        return this.#transact({ compare: [], success: [{ op: 'delete', range: command.range }], failure: [] });
      case 'transaction':
        return this.#transact(command);
      case 'lease-grant':
        return {
          type: 'lease-grant',
          lease: this.#leases.grant(command.leaseId, command.ttlMs),
          revision: this.revision,
        };
      case 'lease-renew':
        return { type: 'lease-renew', lease: this.#leases.renew(command.leaseId), revision: this.revision };
      case 'lease-revoke': {
        const { leaseId, ifRenewals } = command;
        if (ifRenewals !== undefined && this.#leases.get(leaseId)?.renewals !== ifRenewals) {
          return { type: 'noop', revision: this.revision };
        }
        for (const key of this.#leases.revoke(leaseId)) this.#store.delete({ key });
        return { type: 'lease-revoke', leaseId, revision: this.#revisionAfter() };
      }
      case 'compact':
        this.#store.compact(command.revision);
        return { type: 'compact', revision: this.revision };
      case 'noop':
        return { type: 'noop', revision: this.revision };
    }
  }

  #transact(transaction: Transaction): CommandResult {
    const { succeeded, results } = applyTransaction(transaction, this.#store, this.#leases, this.#limits);
    return { type: 'transaction', succeeded, revision: this.#revisionAfter(), results };
  }

  /** That of the store when what is being carried out is committed. */
  #revisionAfter(): number {
    return this.revision + Number(this.#store.changed);
  }
}

function failed({ code, message }: LatticeError): CommandResult {
  return { type: 'error', code, message };
}

function outcomeText(index: number, { result, repeated, batch }: ApplyResult): string {
  const succeeded = result.type === 'transaction' && result.succeeded;
  let text = `${index} ${result.type === 'error' ? result.code : result.type} ${succeeded} ${repeated}`;
  for (const event of batch?.events ?? []) {
    if (event.type === 'delete') {
      text += `\n${event.revision} ${event.key}`;
    } else {
      const { key, value, createRevision, modRevision, version, leaseId } = event.keyValue;
      text += `\n${modRevision} ${createRevision} ${version} ${leaseId} ${key}\n${value}`;
    }
  }
  return text;
}
