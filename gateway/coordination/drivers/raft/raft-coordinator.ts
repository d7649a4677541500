import { LatticeError } from '../../../../core/errors/index.ts';
import type { Random } from '../../../../core/random/index.ts';
import type { GroupNode } from '../../../consensus/index.ts';
import { type Command, type CommandResult, encodeRequest } from '../../state/index.ts';
import type {
  CallOptions,
  Coordinator,
  CoordinatorStatus,
  KeyRange,
  KeyValue,
  Lease,
  Operation,
  ReadOptions,
  Transaction,
  TransactionResult,
  WatchBatch,
} from '../../types.ts';
import { type GroupMachine, requestKey } from './group-machine.ts';
import { RequestWindow } from './request-window.ts';
import { Watches } from './watches.ts';

const TIMEOUT_MS_DEFAULT = 5_000;
/** Below what the state remembers of a client, for those of the leader's own. */
const REQUESTS_MAX = 48;

type ResultOf<T extends CommandResult['type']> = Extract<CommandResult, { type: T }>;

export interface RaftCoordinatorDeps {
  group: GroupNode;
  machine: GroupMachine;
  random: Random;
}

/** The driver on the site's own Raft group: what is asked here is agreed on by the gateways. */
export class RaftCoordinator implements Coordinator {
  readonly #group: GroupNode;
  readonly #machine: GroupMachine;
  readonly #random: Random;
  readonly #window = new RequestWindow(REQUESTS_MAX);
  readonly #watches: Watches;
  readonly #client: string;
  #sequence = 0;
  #seenRevision: number;

  constructor({ group, machine, random }: RaftCoordinatorDeps) {
    this.#group = group;
    this.#machine = machine;
    this.#random = random;
    this.#client = `client-${token(random)}`;
    this.#watches = new Watches(machine.watches);
    this.#seenRevision = machine.state.revision;
    group.on('changed', (_index, change) => {
      this.#seenRevision = machine.state.revision;
      this.#watches.changed(change as WatchBatch);
    });
    group.on('restored', () => {
      this.#watches.replaced(this.#seenRevision);
      this.#seenRevision = machine.state.revision;
    });
    group.on('failed', () => this.#watches.close());
  }

  async get(key: string, options?: ReadOptions): Promise<KeyValue | undefined> {
    const { keyValues } = await this.range({ key }, options);
    return keyValues[0];
  }

  async range(
    range: KeyRange,
    { consistency = 'linearizable', revision, limit, ...options }: ReadOptions = {},
  ): Promise<{ keyValues: KeyValue[]; revision: number; hasMore: boolean }> {
    const { timeoutMs = TIMEOUT_MS_DEFAULT, signal } = options;
    const answer = unlessAborted('A read', signal, () =>
      this.#group.read({ range, revision, limit }, consistency, timeoutMs),
    );
    return (await answer) as { keyValues: KeyValue[]; revision: number; hasMore: boolean };
  }

  async put(
    key: string,
    value: string,
    { leaseId, ...options }: CallOptions & { leaseId?: string } = {},
  ): Promise<{ revision: number }> {
    const put: Operation = { op: 'put', key, value, ...(leaseId === undefined ? {} : { leaseId }) };
    const { revision } = await this.transaction({ compare: [], success: [put], failure: [] }, options);
    return { revision };
  }

  async delete(range: KeyRange, options?: CallOptions): Promise<{ revision: number; deleted: number }> {
    const operation: Operation = { op: 'delete', range };
    const { revision, results } = await this.transaction({ compare: [], success: [operation], failure: [] }, options);
    const [result] = results;
    return { revision, deleted: result?.op === 'delete' ? result.deleted.length : 0 };
  }

  async transaction(transaction: Transaction, options?: CallOptions): Promise<TransactionResult> {
    const { succeeded, revision, results } = await this.#propose({ type: 'transaction', ...transaction }, options);
    return { succeeded, revision, results };
  }

  async grantLease(ttlMs: number, options?: CallOptions): Promise<Lease> {
    const leaseId = token(this.#random);
    const { lease } = await this.#propose({ type: 'lease-grant', leaseId, ttlMs }, options);
    return { id: lease.id, ttlMs: lease.ttlMs };
  }

  async keepAlive(leaseId: string, options?: CallOptions): Promise<Lease> {
    const { lease } = await this.#propose({ type: 'lease-renew', leaseId }, options);
    return { id: lease.id, ttlMs: lease.ttlMs };
  }

  async revokeLease(leaseId: string, options?: CallOptions): Promise<void> {
    await this.#propose({ type: 'lease-revoke', leaseId }, options);
  }

  async *watch(
    range: KeyRange,
    { fromRevision, signal }: { fromRevision?: number; signal: AbortSignal },
  ): AsyncGenerator<WatchBatch> {
    if (signal.aborted) return;
    // "After the call" is after everything that was acknowledged anywhere before it, which this member may not know yet.
    const from = fromRevision ?? (await this.range({ key: ' ' })).revision + 1;
    yield* this.#watches.watch(range, from, signal);
  }

  async compact(revision: number, options?: CallOptions): Promise<void> {
    await this.#propose({ type: 'compact', revision }, options);
  }

  async status(): Promise<CoordinatorStatus> {
    const { status } = this.#group;
    const { revision, compactedRevision } = this.#machine.state;
    return {
      driver: 'raft',
      ...(status?.leader === undefined ? {} : { leader: status.leader }),
      term: status?.term ?? 0,
      revision,
      compactedRevision,
      members: (status?.members ?? []).map(({ name, role }) => ({ name, role })),
    };
  }

  /** Ends the watches. The group belongs to whoever started it. */
  async close(): Promise<void> {
    this.#watches.close();
  }

  async #propose<T extends Command['type'] & CommandResult['type']>(
    command: Extract<Command, { type: T }>,
    { timeoutMs = TIMEOUT_MS_DEFAULT, signal }: CallOptions = {},
  ): Promise<ResultOf<T>> {
    await this.#window.room(() => this.#sequence + 1);
    const id = { client: this.#client, sequence: ++this.#sequence };
    this.#window.begin(id.sequence);
    try {
      const bytes = encodeRequest({ id, command });
      const answer = await unlessAborted('A change', signal, () =>
        this.#group.propose(requestKey(id), bytes, timeoutMs),
      );
      const result = answer as CommandResult;
      if (result.type === 'error') throw new LatticeError(result.code, result.message);
      return result as ResultOf<T>;
    } finally {
      this.#window.end(id.sequence);
    }
  }
}

/** Carries a call out, unless the caller has given up already; one under way ends for the caller when they do. */
async function unlessAborted<T>(what: string, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
  if (signal === undefined) return call();
  if (signal.aborted)
    throw new LatticeError('COORDINATION_UNAVAILABLE', `${what} was given up before it was asked for.`);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(new LatticeError('COORDINATION_TIMEOUT', `${what} was given up while it was under way.`));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([call(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function token(random: Random): string {
  return `${random.below(2 ** 32).toString(36)}${random.below(2 ** 32).toString(36)}`;
}
