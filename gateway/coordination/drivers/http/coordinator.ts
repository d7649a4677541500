import { z } from 'zod';
import { LatticeError } from '../../../../core/errors/index.ts';
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
import { closedError, type GatewaysCaller } from './caller.ts';
import { watchHttp } from './watch.ts';
import { leaseSchema, rangeAnswerSchema, rangeQuery, statusAnswerSchema, transactionAnswerSchema } from './wire.ts';

/** The port over the HTTP API of a site's gateways: for commands and programs that are no gateway. */
export class HttpCoordinator implements Coordinator {
  readonly #caller: GatewaysCaller;

  constructor(caller: GatewaysCaller) {
    this.#caller = caller;
  }

  async get(key: string, options?: ReadOptions): Promise<KeyValue | undefined> {
    const { keyValues } = await this.range({ key }, options);
    return keyValues[0];
  }

  async range(range: KeyRange, { consistency, revision, limit, ...options }: ReadOptions = {}) {
    checkText(...Object.values(range));
    const query = { ...rangeQuery(range), consistency, revision, limit };
    return this.#caller.call({ method: 'GET', path: 'range', query, kind: 'read' }, rangeAnswerSchema, options);
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
    const request = { method: 'POST', path: 'transaction', body: transaction, kind: 'change' } as const;
    return this.#caller.call(request, transactionAnswerSchema, options);
  }

  async grantLease(ttlMs: number, options?: CallOptions): Promise<Lease> {
    const request = { method: 'POST', path: 'leases', body: { ttlMs }, kind: 'change' } as const;
    return this.#caller.call(request, leaseSchema, options);
  }

  async keepAlive(leaseId: string, options?: CallOptions): Promise<Lease> {
    const path = `leases/${encodeURIComponent(leaseId)}/keepalive`;
    return this.#caller.call({ method: 'POST', path, kind: 'change' }, leaseSchema, options);
  }

  async revokeLease(leaseId: string, options?: CallOptions): Promise<void> {
    const path = `leases/${encodeURIComponent(leaseId)}`;
    await this.#caller.call({ method: 'DELETE', path, kind: 'change' }, z.unknown(), options);
  }

  async *watch(
    range: KeyRange,
    options: { fromRevision?: number; signal: AbortSignal },
  ): AsyncGenerator<WatchBatch, void, void> {
    const { closed } = this.#caller;
    if (closed.aborted) throw closedError('watch');
    checkText(...Object.values(range));
    yield* watchHttp(this.#caller, range, { ...options, signal: AbortSignal.any([options.signal, closed]) });
    if (!options.signal.aborted) throw closedError('watch');
  }

  async compact(revision: number, options?: CallOptions): Promise<void> {
    await this.#caller.call(
      { method: 'POST', path: 'compact', body: { revision }, kind: 'change' },
      z.unknown(),
      options,
    );
  }

  async status(): Promise<CoordinatorStatus> {
    const request = { method: 'GET', path: 'status', kind: 'read' } as const;
    const { driver, leader, term, revision, compactedRevision, members } = await this.#caller.call(
      request,
      statusAnswerSchema,
    );
    return {
      driver,
      ...(leader === undefined ? {} : { leader }),
      term,
      revision,
      ...(compactedRevision === undefined ? {} : { compactedRevision }),
      members: members.map(({ name, role }) => ({ name, role })),
    };
  }

  async close(): Promise<void> {
    this.#caller.close();
  }
}

/** What an address cannot carry: half of a surrogate pair would arrive as another character. */
function checkText(...texts: string[]): void {
  if (texts.every((text) => text.isWellFormed())) return;
  throw new LatticeError('COORDINATION_REJECTED', 'A key holds half of a surrogate pair.');
}
