import { LatticeError } from '../../../../core/errors/index.ts';
import type { Random } from '../../../../core/random/index.ts';
import type { GroupNode } from '../../../consensus/index.ts';
import {
  type Command,
  type CommandResult,
  encodeRequest,
  isCommand,
  type RequestId,
  WatchHub,
} from '../../state/index.ts';
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
import { RequestWindow } from '../request-window.ts';
import { type GroupMachine, requestKey } from './group-machine.ts';
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
  /** Changes that others have named, by their name; as many as the group has under way at most. */
  readonly #underWay = new Map<string, Promise<unknown>>();
  readonly #closed = new AbortController();
  #sequence = 0;
  #seenRevision: number;

  constructor({ group, machine, random }: RaftCoordinatorDeps) {
    this.#group = group;
    this.#machine = machine;
    this.#random = random;
    this.#client = `client-${token(random)}`;
    this.#watches = new Watches(new WatchHub(machine.state));
    this.#seenRevision = machine.state.revision;
    group.on('changed', (_index, change) => {
      const batch = change as WatchBatch;
      // Not that of the state, which may be further already.
      this.#seenRevision = batch.revision;
      this.#watches.changed(batch);
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
    const answer = this.#unlessAborted('A read', signal, () =>
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

  /** Ends the watches and the calls under way. The group belongs to whoever started it. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#watches.close();
  }

  async #propose<T extends Command['type'] & CommandResult['type']>(
    command: Extract<Command, { type: T }>,
    { timeoutMs = TIMEOUT_MS_DEFAULT, signal, requestId }: CallOptions = {},
  ): Promise<ResultOf<T>> {
    if (!isCommand(command)) throw new LatticeError('COORDINATION_REJECTED', 'The command is out of its bounds.');
    const answer =
      requestId === undefined
        ? await this.#proposeOwn(command, timeoutMs, signal)
        : await this.#unlessAborted('A change', signal, () => this.#proposeFor(requestId, command, timeoutMs));
    const result = answer as CommandResult;
    if (result.type === 'error') throw new LatticeError(result.code, result.message);
    return result as ResultOf<T>;
  }

  async #proposeOwn(command: Command, timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    await this.#window.room(() => this.#sequence + 1);
    const id = { client: this.#client, sequence: ++this.#sequence };
    this.#window.begin(id.sequence);
    try {
      const bytes = encodeRequest({ id, command });
      return await this.#unlessAborted('A change', signal, () => this.#group.propose(requestKey(id), bytes, timeoutMs));
    } finally {
      this.#window.end(id.sequence);
    }
  }

  /** A change that is asked for again while it is under way here gets the answer of the first. */
  async #proposeFor(id: RequestId, command: Command, timeoutMs: number): Promise<unknown> {
    const key = requestKey(id);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const answer = this.#group.propose(key, encodeRequest({ id, command }), timeoutMs);
    this.#underWay.set(key, answer);
    try {
      return await answer;
    } finally {
      this.#underWay.delete(key);
    }
  }

  /** Carries a call out, unless the caller has given up already or this is closed; one under way ends for the caller by either. */
  async #unlessAborted<T>(what: string, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    const ended = signal === undefined ? this.#closed.signal : AbortSignal.any([signal, this.#closed.signal]);
    if (ended.aborted) {
      throw new LatticeError('COORDINATION_UNAVAILABLE', `${what} was given up before it was asked for.`);
    }
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => {
      aborted.reject(new LatticeError('COORDINATION_TIMEOUT', `${what} was given up while it was under way.`));
    };
    ended.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([call(), aborted.promise]);
    } finally {
      ended.removeEventListener('abort', onAbort);
    }
  }
}

function token(random: Random): string {
  return `${random.below(2 ** 32).toString(36)}${random.below(2 ** 32).toString(36)}`;
}
