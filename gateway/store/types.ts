import type { FencingToken, Point } from '../../core/wire/index.ts';

/**
 * A time-series store, as gateways see it. Each driver passes the one contract suite (test/contract/time-series-store.ts).
 *
 * The identity of a point is its series (measurement and tags) and its time stamp; writing a point again changes nothing.
 */
export interface TimeSeriesStore {
  /** For logs and metrics, for example `influx http://127.0.0.1:8086/lattice`. */
  readonly name: string;

  /**
   * Writes points. Resolves once the store has them durably; what the store refused for good is in the result and is not to
   * be sent again. Rejects with STORE_UNREACHABLE (also for time-outs and 5xx) or STORE_AUTH when nothing is known to be
   * stored: the same points are to be sent again later.
   */
  write(points: readonly Point[], signal?: AbortSignal): Promise<WriteResult>;

  /** Runs one InfluxQL statement. Rejects with QUERY_SYNTAX, QUERY_UNSUPPORTED, STORE_UNREACHABLE or STORE_AUTH. */
  query(statement: string, signal?: AbortSignal): Promise<QuerySeries[]>;

  /** Resolves when the store answers; rejects with STORE_UNREACHABLE. */
  ping(signal?: AbortSignal): Promise<void>;

  /** Makes the database if it is not there. */
  ensureDatabase(): Promise<void>;

  close(): Promise<void>;
}

/** A store that checks fencing tokens, and tells what it holds. */
export interface FencedStore extends TimeSeriesStore {
  /** As write(); rejects with FENCED, and nothing is stored from then on, once the store has seen a greater token of the scope. */
  writeFenced(fence: FencingToken, points: readonly Point[], signal?: AbortSignal): Promise<WriteResult>;

  /** Rejects with STORE_UNREACHABLE, or with QUERY_UNSUPPORTED when the other end is no embedded store. */
  usage(signal?: AbortSignal): Promise<StoreUsage>;
}

export interface StoreUsage {
  series: number;
  measurements: number;
  /** Of the files on disk. */
  bytes: number;
  /** Since the store's process began. */
  pointsWritten: number;
}

export interface WriteResult {
  rejected: RejectedPoint[];
}

export interface RejectedPoint {
  /** Index into the points that were given. */
  index: number;
  /** In the store's words. */
  reason: string;
}

/** One series of an answer, as in InfluxDB's JSON; times in epoch ms. */
export interface QuerySeries {
  name?: string;
  tags?: Record<string, string>;
  columns: string[];
  values: (string | number | boolean | null)[][];
}
