import { LatticeError } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type {
  CallOptions,
  Coordinator,
  CoordinatorStatus,
  KeyRange,
  KeyValue,
  Lease,
  ReadOptions,
  Transaction,
  TransactionResult,
  WatchBatch,
} from '../../gateway/coordination/index.ts';
import {
  type Command,
  type CommandResult,
  CoordinationMachine,
  encodeRequest,
  Lessor,
  rangeIncludes,
} from '../../gateway/coordination/state/index.ts';

const TIMEOUT_MS_DEFAULT = 5_000;
const TICK_MS = 10;

/** The state machine of the group with nothing around it, neither log nor network, on the clock of the test. */
export class MemoryStore {
  readonly clock: Clock;
  readonly lessor = new Lessor();
  machine = new CoordinationMachine();
  /** Resolved while the store answers. */
  opened: Promise<void> = Promise.resolve();
  #changed = Promise.withResolvers<void>();
  #isStopped = false;
  #ids = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.lessor.becameLeader([], clock.monotonicMs());
    this.#tick();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Nothing is answered, and no watch goes on, until the function is called. */
  hang(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.opened = promise;
    return resolve;
  }

  /** What is in memory goes through a snapshot, and every lease begins anew, as with a new leader. */
  restart(): void {
    const snapshot = this.machine.snapshot();
    this.machine = new CoordinationMachine();
    this.machine.restore(snapshot);
    this.lessor.becameLeader(this.machine.leases(), this.clock.monotonicMs());
  }

  apply(command: Command): Exclude<CommandResult, { type: 'error' }> {
    const index = this.machine.appliedIndex + 1;
    const request = encodeRequest({ id: { client: 'memory', sequence: index }, command });
    const { result, batch } = this.machine.apply(request, index);
    if (result.type === 'error') throw new LatticeError(result.code, result.message);
    if (result.type === 'lease-grant' || result.type === 'lease-renew')
      this.lessor.granted(result.lease, this.clock.monotonicMs());
    if (command.type === 'lease-revoke') this.lessor.revoked(command.leaseId);
    if (batch !== undefined) {
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
    return result;
  }

  /** Resolves at the next change. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  nextId(): string {
    return String(++this.#ids);
  }

  #tick(): void {
    if (this.#isStopped) return;
    for (const leaseId of this.lessor.tick(this.clock.monotonicMs())) this.apply({ type: 'lease-revoke', leaseId });
    this.clock.setTimer(TICK_MS, () => this.#tick());
  }
}

/** A client of a MemoryStore, for tests. */
export class MemoryCoordinator implements Coordinator {
  readonly #store: MemoryStore;
  readonly #closed = new AbortController();

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  async get(key: string, options: ReadOptions = {}): Promise<KeyValue | undefined> {
    return (await this.range({ key }, options)).keyValues[0];
  }

  range(range: KeyRange, options: ReadOptions = {}) {
    return this.#call(options, () => this.#store.machine.query(range, options));
  }

  async put(key: string, value: string, options: CallOptions & { leaseId?: string } = {}) {
    const { leaseId = '' } = options;
    const { revision } = await this.transaction(
      { compare: [], success: [{ op: 'put', key, value, leaseId }], failure: [] },
      options,
    );
    return { revision };
  }

  async delete(range: KeyRange, options: CallOptions = {}) {
    const { revision, results } = await this.transaction(
      { compare: [], success: [{ op: 'delete', range }], failure: [] },
      options,
    );
    const [result] = results;
    return { revision, deleted: result?.op === 'delete' ? result.deleted.length : 0 };
  }

  transaction(transaction: Transaction, options: CallOptions = {}): Promise<TransactionResult> {
    return this.#call(options, () => {
      const { type: _, ...result } = this.#store.apply({ type: 'transaction', ...transaction }) as TransactionResult & {
        type: string;
      };
      return result;
    });
  }

  grantLease(ttlMs: number, options: CallOptions = {}): Promise<Lease> {
    return this.#call(options, () => {
      const lease = { id: this.#store.nextId(), ttlMs };
      this.#store.apply({ type: 'lease-grant', leaseId: lease.id, ttlMs });
      return lease;
    });
  }

  keepAlive(leaseId: string, options: CallOptions = {}): Promise<Lease> {
    return this.#call(options, () => {
      const { lease } = this.#store.apply({ type: 'lease-renew', leaseId }) as { lease: Lease };
      return { id: lease.id, ttlMs: lease.ttlMs };
    });
  }

  revokeLease(leaseId: string, options: CallOptions = {}): Promise<void> {
    return this.#call(options, () => void this.#store.apply({ type: 'lease-revoke', leaseId }));
  }

  async *watch(range: KeyRange, options: { fromRevision?: number; signal: AbortSignal }): AsyncGenerator<WatchBatch> {
    const ended = AbortSignal.any([options.signal, this.#closed.signal]);
    const end = new Promise<void>((resolve) => ended.addEventListener('abort', () => resolve(), { once: true }));
    let next = options.fromRevision ?? this.#store.machine.revision + 1;
    while (!ended.aborted) {
      await Promise.race([this.#store.opened, end]);
      const { machine, changed } = this.#store;
      if (next > machine.revision) {
        await Promise.race([changed, end]);
        continue;
      }
      if (next < machine.compactedRevision) {
        throw new LatticeError('REVISION_COMPACTED', `The history begins at ${machine.compactedRevision}.`);
      }
      const revision = next++;
      const events = machine
        .eventsAt(revision)
        .filter((event) => rangeIncludes(range, event.type === 'put' ? event.keyValue.key : event.key));
      if (events.length > 0 && !ended.aborted) yield { revision, events };
    }
    if (!options.signal.aborted) throw closedError();
  }

  compact(revision: number, options: CallOptions = {}): Promise<void> {
    return this.#call(options, () => void this.#store.apply({ type: 'compact', revision }));
  }

  status(): Promise<CoordinatorStatus> {
    return this.#call({}, () => {
      const { revision, compactedRevision } = this.#store.machine;
      const members = [{ name: 'memory', role: 'voter' as const }];
      return { driver: 'memory', leader: 'memory', term: 1, revision, compactedRevision, members };
    });
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }

  /** Asynchronous, as a call over a network would be: the store moves on between any two. */
  async #call<T>({ timeoutMs = TIMEOUT_MS_DEFAULT, signal }: CallOptions, carryOut: () => T): Promise<T> {
    if (this.#closed.signal.aborted || signal?.aborted) throw closedError();
    const givenUp = Promise.withResolvers<never>();
    const giveUp = (): void => givenUp.reject(new LatticeError('COORDINATION_TIMEOUT', 'The store did not answer.'));
    const timer = this.#store.clock.setTimer(timeoutMs, giveUp);
    const ended = AbortSignal.any(signal === undefined ? [this.#closed.signal] : [signal, this.#closed.signal]);
    ended.addEventListener('abort', giveUp, { once: true });
    try {
      await Promise.race([this.#store.opened, givenUp.promise]);
      return carryOut();
    } finally {
      timer.cancel();
      ended.removeEventListener('abort', giveUp);
    }
  }
}

function closedError(): LatticeError {
  return new LatticeError('COORDINATION_UNAVAILABLE', 'The call was not made.');
}
