import type { IPoint } from 'influx';
import { LatticeError, messageOf } from '../../../core/errors/index.ts';
import type { Point } from '../../../core/wire/index.ts';
import { type Answer, querySeries, writeVerdict } from '../answers.ts';
import { withDeadline } from '../deadline.ts';
import { lineOf, type WritablePoint, writeInBatches } from '../line-protocol/index.ts';
import type { StoreConfig, StoreDeps } from '../target.ts';
import type { QuerySeries, TimeSeriesStore, WriteResult } from '../types.ts';
import { Lane } from './lane.ts';

/** The driver of an InfluxDB 1.x, on npm `influx`. */
export class InfluxStore implements TimeSeriesStore {
  readonly name: string;
  readonly #config: StoreConfig;
  readonly #deps: StoreDeps;
  readonly #idle: Lane[] = [];
  readonly #closed = new AbortController();

  constructor(config: StoreConfig, deps: StoreDeps) {
    this.name = `influx ${config.url.replace(/\/+$/, '')}/${config.database}`;
    this.#config = config;
    this.#deps = deps;
  }

  write(points: readonly Point[], signal?: AbortSignal): Promise<WriteResult> {
    return writeInBatches(points, (batch) => this.#send(batch, signal));
  }

  async query(statement: string, signal?: AbortSignal): Promise<QuerySeries[]> {
    const response = await this.#run(
      (lane) => lane.client.queryRaw(statement, { precision: 'ms', method: 'POST' }),
      signal,
    );
    return querySeries(isAnswer(response) ? response : okay(response));
  }

  async ping(signal?: AbortSignal): Promise<void> {
    const hosts = await this.#run((lane) => lane.client.ping(this.#config.timeoutMs), signal);
    if (Array.isArray(hosts) && hosts.every((host) => host.online)) return;
    throw new LatticeError('STORE_UNREACHABLE', 'The store did not answer a ping.');
  }

  async ensureDatabase(): Promise<void> {
    const failure = await this.#run((lane) => lane.client.createDatabase(this.#config.database));
    if (isAnswer(failure)) querySeries(failure);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const lane of this.#idle.splice(0)) lane.destroy();
  }

  async #send(
    batch: readonly WritablePoint[],
    signal: AbortSignal | undefined,
    isRetry = false,
  ): Promise<string | undefined> {
    const points = batch.map(clientPoint);
    const failure = await this.#run((lane) => lane.client.writePoints(points, { precision: 'n' }), signal);
    const verdict = isAnswer(failure) ? writeVerdict(failure) : ({ type: 'stored' } as const);
    if (verdict.type === 'stored') return undefined;
    if (verdict.type === 'refused') return verdict.reason;
    if (isRetry) throw new LatticeError('STORE_UNREACHABLE', `The store has no database ${this.#config.database}.`);
    await this.ensureDatabase();
    return this.#send(batch, signal, true);
  }

  /** Runs one call of the client on a lane of its own. What the server refused comes back as its Answer. */
  async #run<T>(call: (lane: Lane) => Promise<T>, signal?: AbortSignal): Promise<T | Answer> {
    const signals = signal === undefined ? [this.#closed.signal] : [this.#closed.signal, signal];
    if (signals.some((one) => one.aborted)) throw new LatticeError('STORE_UNREACHABLE', 'The request was cancelled.');
    const lane = this.#idle.pop() ?? new Lane(this.#config);
    const { clock } = this.#deps;
    const { timeoutMs } = this.#config;
    try {
      const result = await withDeadline(call(lane), { clock, timeoutMs, signals, cancel: () => lane.destroy() });
      this.#idle.push(lane);
      return result;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) {
        lane.destroy();
        throw unreachable(error);
      }
      this.#idle.push(lane);
      return refusal;
    }
  }
}

/**
 * A point as the client takes it: the whole line as the name of the measurement, which goes out as it is. Its own encoding
 * makes invalid lines of NaN, undefined and empty tags, doubles backslashes before quotes and knows no whole numbers.
 */
function clientPoint(point: WritablePoint): IPoint {
  return { measurement: lineOf(point) };
}

interface RefusedRequest {
  res: { statusCode: number; headers: Record<string, string | undefined> };
  message: string;
}

/** The server's answer in an error of the client; undefined when there was none. */
function refusalOf(error: unknown): Answer | undefined {
  if (error instanceof Error && error.constructor.name === 'ResultError') {
    const reason = error.message.replace(/^Error from InfluxDB: /, '');
    return { status: 400, body: JSON.stringify({ error: reason }), isFromInflux: true };
  }
  const { res, message } = error as Partial<RefusedRequest>;
  if (res === undefined || message === undefined) return undefined;
  return {
    status: res.statusCode,
    body: message.slice(message.indexOf(' error occurred: ') + ' error occurred: '.length),
    isFromInflux: res.headers['x-influxdb-version'] !== undefined,
  };
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && 'isFromInflux' in value;
}

function okay(response: unknown): Answer {
  return { status: 200, body: JSON.stringify(response), isFromInflux: true };
}

function unreachable(error: unknown): LatticeError {
  if (error instanceof LatticeError) return error;
  return new LatticeError('STORE_UNREACHABLE', `${messageOf(error) || 'The store is not available'}.`, {
    cause: error,
  });
}
