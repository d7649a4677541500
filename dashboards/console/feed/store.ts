import { z } from 'zod';
import { LatticeError, messageOf } from '../../../core/errors/index.ts';
import { basicAuthHeader } from '../../../core/identity/index.ts';
import { MEASUREMENTS } from '../../../core/wire/index.ts';

const QUERY_TIMEOUT_MS = 8_000;
const PING_TIMEOUT_MS = 1_500;

const answerSchema = z.object({
  error: z.string().optional(),
  results: z
    .array(
      z.object({
        error: z.string().optional(),
        series: z
          .array(z.object({ values: z.array(z.array(z.union([z.number(), z.string(), z.boolean(), z.null()]))) }))
          .optional(),
      }),
    )
    .optional(),
});

/** Steps that a person reads easily on an axis, s. */
const BUCKETS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];

/** The smallest easy step with which a span fits into so many points; ms. */
export function bucketMsOf(spanMs: number, points: number): number {
  const bucketS = BUCKETS_S.find((step) => step * 1_000 * points >= spanMs) ?? Math.ceil(spanMs / points / 1_000);
  return bucketS * 1_000;
}

/** Reads history over the InfluxDB 1.x HTTP API. */
export class StoreReader {
  readonly #options: { url: string; database: string; username: string; password: string };

  constructor(options: { url: string; database: string; username: string; password: string }) {
    this.#options = options;
  }

  /**
   * Means of one metric of a device, [wall ms, value], in order of time, between two wall stamps.
   * `device`, `site` and `metric` must be checked names, since they stand in the statement.
   * Throws STORE_UNREACHABLE, STORE_AUTH or QUERY_SYNTAX.
   */
  async history(request: {
    site: string;
    device: string;
    metric: string;
    fromMs: number;
    toMs: number;
    bucketMs: number;
  }): Promise<[number, number][]> {
    const { site, device, metric, fromMs, toMs, bucketMs } = request;
    const rows = await this.#query(
      `SELECT mean("${metric}") FROM "${MEASUREMENTS.reading}"` +
        ` WHERE "site" = '${site}' AND "device" = '${device}' AND time >= ${fromMs}ms AND time <= ${toMs}ms` +
        ` GROUP BY time(${bucketMs / 1_000}s) fill(none)`,
    );
    return rows.flatMap(([time, value]): [number, number][] =>
      typeof time === 'number' && typeof value === 'number' ? [[time, value]] : [],
    );
  }

  /** Whether the store answers, and how long it takes, ms. */
  async ping(signal: AbortSignal): Promise<boolean> {
    try {
      const response = await fetch(new URL('/ping', this.#options.url), {
        headers: this.#headers(),
        signal: AbortSignal.any([signal, AbortSignal.timeout(PING_TIMEOUT_MS)]),
      });
      await response.arrayBuffer();
      return response.status < 500;
    } catch {
      return false;
    }
  }

  async #query(statement: string): Promise<(string | number | boolean | null)[][]> {
    const url = new URL('/query', this.#options.url);
    url.search = new URLSearchParams({ q: statement, db: this.#options.database, epoch: 'ms' }).toString();
    let status: number;
    let body: string;
    try {
      const response = await fetch(url, { headers: this.#headers(), signal: AbortSignal.timeout(QUERY_TIMEOUT_MS) });
      status = response.status;
      body = await response.text();
    } catch (cause) {
      throw new LatticeError('STORE_UNREACHABLE', `${this.#options.url}: ${messageOf(cause)}.`, { cause });
    }
    if (status === 401 || status === 403) throw new LatticeError('STORE_AUTH', `${this.#options.url} said ${status}.`);
    if (status >= 500) throw new LatticeError('STORE_UNREACHABLE', `${this.#options.url} said ${status}.`);
    const answer = parseAnswer(body, status);
    const fault = answer.error ?? answer.results?.find(({ error }) => error !== undefined)?.error;
    if (fault !== undefined) throw new LatticeError('QUERY_SYNTAX', `${fault}.`);
    return answer.results?.[0]?.series?.[0]?.values ?? [];
  }

  #headers(): Record<string, string> {
    return { authorization: basicAuthHeader(this.#options.username, this.#options.password) };
  }
}

function parseAnswer(body: string, status: number): z.output<typeof answerSchema> {
  try {
    return answerSchema.parse(JSON.parse(body));
  } catch (cause) {
    throw new LatticeError('STORE_UNREACHABLE', `The answer (status ${status}) is none of an InfluxDB.`, { cause });
  }
}
