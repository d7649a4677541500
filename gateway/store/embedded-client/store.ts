import { LatticeError } from '../../../core/errors/index.ts';
import { FENCE_HEADER, type FencingToken, formatFence, type Point } from '../../../core/wire/index.ts';
import { querySeries, usageIn, writeVerdict } from '../answers.ts';
import { lineOf, quoteIdentifier, type WritablePoint, writeInBatches } from '../line-protocol/index.ts';
import type { StoreConfig, StoreDeps } from '../target.ts';
import type { FencedStore, QuerySeries, StoreUsage, WriteResult } from '../types.ts';
import { HttpClient } from './http-client.ts';

/**
 * The driver of the embedded store, which is a process of its own: line protocol and InfluxQL over HTTP. Since that is
 * InfluxDB's API, it also serves an InfluxDB.
 */
export class EmbeddedStoreClient implements FencedStore {
  readonly name: string;
  readonly #database: string;
  readonly #http: HttpClient;

  constructor(config: StoreConfig, deps: StoreDeps) {
    this.name = `embedded ${config.url.replace(/\/+$/, '')}/${config.database}`;
    this.#database = config.database;
    this.#http = new HttpClient(config, deps);
  }

  write(points: readonly Point[], signal?: AbortSignal): Promise<WriteResult> {
    return writeInBatches(points, (batch) => this.#send(batch, {}, signal));
  }

  writeFenced(fence: FencingToken, points: readonly Point[], signal?: AbortSignal): Promise<WriteResult> {
    const headers = { [FENCE_HEADER]: formatFence(fence) };
    return writeInBatches(points, (batch) => this.#send(batch, headers, signal));
  }

  async usage(signal?: AbortSignal): Promise<StoreUsage> {
    return usageIn(await this.#http.send({ method: 'GET', path: '/health' }, signal));
  }

  async query(statement: string, signal?: AbortSignal): Promise<QuerySeries[]> {
    return querySeries(await this.#post({ q: statement, db: this.#database, epoch: 'ms' }, signal));
  }

  async ping(signal?: AbortSignal): Promise<void> {
    const { status } = await this.#http.send({ method: 'GET', path: '/ping' }, signal);
    if (status !== 204) throw new LatticeError('STORE_UNREACHABLE', `The store answered ${status} to a ping.`);
  }

  async ensureDatabase(): Promise<void> {
    querySeries(await this.#post({ q: `CREATE DATABASE ${quoteIdentifier(this.#database)}` }));
  }

  async close(): Promise<void> {
    this.#http.close();
  }

  async #send(
    batch: readonly WritablePoint[],
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
    isRetry = false,
  ): Promise<string | undefined> {
    const request = {
      method: 'POST',
      path: '/write',
      parameters: { db: this.#database, precision: 'ns' },
      contentType: 'text/plain; charset=utf-8',
      headers,
      body: batch.map(lineOf).join('\n'),
    } as const;
    const verdict = writeVerdict(await this.#http.send(request, signal));
    if (verdict.type === 'stored') return undefined;
    if (verdict.type === 'refused') return verdict.reason;
    if (isRetry) throw new LatticeError('STORE_UNREACHABLE', `The store has no database ${this.#database}.`);
    await this.ensureDatabase();
    return this.#send(batch, headers, signal, true);
  }

  #post(form: Record<string, string>, signal?: AbortSignal): ReturnType<HttpClient['send']> {
    return this.#http.send(
      {
        method: 'POST',
        path: '/query',
        contentType: 'application/x-www-form-urlencoded',
        body: new URLSearchParams(form).toString(),
      },
      signal,
    );
  }
}
