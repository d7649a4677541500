import type { Etcd3, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse, IRequestStream } from 'etcd3';
import { LatticeError } from '../../../../core/errors/index.ts';
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
} from '../../types.ts';
import { Caller, type CallerDeps, closedError } from './caller.ts';
import { encodeText, fromEtcdLease, type KeySpace, toEtcdLease } from './key-space.ts';
import { decodeResult, encodeCompare, encodeOperation } from './transaction.ts';
import { watchEtcd } from './watch.ts';

const MS_PER_S = 1_000;

/** The port on an etcd cluster, by the plain calls of its protocol. */
export class EtcdCoordinator implements Coordinator {
  readonly #client: Etcd3;
  readonly #keys: KeySpace;
  readonly #deps: CallerDeps;
  readonly #caller: Caller;

  constructor(client: Etcd3, keys: KeySpace, deps: CallerDeps) {
    this.#client = client;
    this.#keys = keys;
    this.#deps = deps;
    this.#caller = new Caller(deps);
  }

  async get(key: string, options: ReadOptions = {}): Promise<KeyValue | undefined> {
    return (await this.range({ key }, options)).keyValues[0];
  }

  async range(range: KeyRange, options: ReadOptions = {}) {
    const request = {
      ...this.#keys.range(range),
      limit: options.limit ?? 0,
      revision: options.revision ?? 0,
      // etcd has no reads by lease: those are linearizable too, which is as good and a round-trip slower.
      serializable: options.consistency === 'serializable',
    };
    const answer = await this.#caller.read('range', options, (deadline) =>
      this.#client.kv.range(request, { deadline }),
    );
    return {
      keyValues: answer.kvs.map((kv) => this.#keys.keyValue(kv)),
      revision: Number(answer.header.revision),
      hasMore: answer.more,
    };
  }

  async put(
    key: string,
    value: string,
    options: CallOptions & { leaseId?: string } = {},
  ): Promise<{ revision: number }> {
    const request = {
      key: this.#keys.key(key),
      value: encodeText(value),
      ...(options.leaseId ? { lease: toEtcdLease(options.leaseId) } : {}),
    };
    const answer = await this.#caller.write('put', options, (deadline) => this.#client.kv.put(request, { deadline }));
    return { revision: Number(answer.header.revision) };
  }

  async delete(range: KeyRange, options: CallOptions = {}): Promise<{ revision: number; deleted: number }> {
    const request = this.#keys.range(range);
    const answer = await this.#caller.write('delete', options, (deadline) =>
      this.#client.kv.deleteRange(request, { deadline }),
    );
    return { revision: Number(answer.header.revision), deleted: Number(answer.deleted) };
  }

  async transaction(transaction: Transaction, options: CallOptions = {}): Promise<TransactionResult> {
    const request = {
      compare: transaction.compare.map((compare) => encodeCompare(compare, this.#keys)),
      success: transaction.success.map((operation) => encodeOperation(operation, this.#keys)),
      failure: transaction.failure.map((operation) => encodeOperation(operation, this.#keys)),
    };
    const answer = await this.#caller.write('transaction', options, (deadline) =>
      this.#client.kv.txn(request, { deadline }),
    );
    const operations = answer.succeeded ? transaction.success : transaction.failure;
    return {
      succeeded: answer.succeeded,
      revision: Number(answer.header.revision),
      results: answer.responses.map((response, index) => decodeResult(operations[index]!, response, this.#keys)),
    };
  }

  async grantLease(ttlMs: number, options: CallOptions = {}): Promise<Lease> {
    if (!(ttlMs >= MS_PER_S)) {
      throw new LatticeError('COORDINATION_REJECTED', `A lease lasts at least ${MS_PER_S} ms, not ${ttlMs}.`);
    }
    // Never shorter than asked: etcd counts in whole seconds.
    const request = { TTL: Math.ceil(ttlMs / MS_PER_S) };
    const answer = await this.#caller.write('grantLease', options, (deadline) =>
      this.#client.leaseClient.leaseGrant(request, { deadline }),
    );
    return { id: fromEtcdLease(answer.ID), ttlMs: Number(answer.TTL) * MS_PER_S };
  }

  /** May be repeated, so it is called as a read is. */
  async keepAlive(leaseId: string, options: CallOptions = {}): Promise<Lease> {
    const ID = toEtcdLease(leaseId);
    const answer = await this.#caller.read('keepAlive', options, (deadline) => this.#keepAliveOnce(ID, deadline));
    // What has ended is answered with a time to live of 0.
    if (Number(answer.TTL) <= 0) throw new LatticeError('LEASE_NOT_FOUND', `Lease ${leaseId} has ended.`);
    return { id: leaseId, ttlMs: Number(answer.TTL) * MS_PER_S };
  }

  async revokeLease(leaseId: string, options: CallOptions = {}): Promise<void> {
    const request = { ID: toEtcdLease(leaseId) };
    await this.#caller.write('revokeLease', options, (deadline) =>
      this.#client.leaseClient.leaseRevoke(request, { deadline }),
    );
  }

  async *watch(
    range: KeyRange,
    options: { fromRevision?: number; signal: AbortSignal },
  ): AsyncGenerator<WatchBatch, void, void> {
    if (this.#caller.closed.aborted) throw closedError('watch');
    const signal = AbortSignal.any([options.signal, this.#caller.closed]);
    yield* watchEtcd(this.#client, this.#keys, { ...options, range, signal }, this.#deps);
    if (!options.signal.aborted) throw closedError('watch');
  }

  async compact(revision: number, options: CallOptions = {}): Promise<void> {
    await this.#caller.write('compact', options, (deadline) => this.#client.kv.compact({ revision }, { deadline }));
  }

  async status(): Promise<CoordinatorStatus> {
    const { status, list } = await this.#caller.read('status', {}, async (deadline) => ({
      status: await this.#client.maintenance.status({ deadline }),
      list: await this.#client.cluster.memberList({}, { deadline }),
    }));
    const leader = list.members.find((member) => member.ID === status.leader);
    return {
      driver: 'etcd',
      ...(leader === undefined ? {} : { leader: leader.name }),
      term: Number(status.raftTerm),
      revision: Number(status.header.revision),
      members: list.members.map(({ name, isLearner }) => ({ name, role: isLearner ? 'learner' : 'voter' })),
    };
  }

  async close(): Promise<void> {
    this.#caller.close();
    this.#client.close();
  }

  /** One renewal on a stream of its own: renewals are few, and a stream that broke would have to be told from a slow one. */
  async #keepAliveOnce(ID: string, deadline: number): Promise<ILeaseKeepAliveResponse> {
    const stream = (await this.#client.leaseClient.leaseKeepAlive({ deadline })) as unknown as KeepAliveStream;
    try {
      stream.write({ ID });
      for await (const answer of stream) return answer;
      throw new Error('etcd ended the stream without an answer');
    } finally {
      stream.cancel();
    }
  }
}

type KeepAliveStream = IRequestStream<ILeaseKeepAliveRequest> & AsyncIterable<ILeaseKeepAliveResponse>;
