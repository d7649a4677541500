import { LatticeError } from '../../../../core/errors/index.ts';
import type { Database, Engine, Field, Measurement, RetentionPolicy, ScanRow, Series } from '../engine/index.ts';

export interface QueryLimits {
  queryRowsMax: number;
  queryPointsMax: number;
  queryBucketsMax: number;
}

export interface QueryContext {
  engine: Engine;
  /** The request's `db` and `rp`. */
  database: string | undefined;
  policy: string | undefined;
  nowNs: bigint;
  limits: QueryLimits;
  /** Lets other work of the process go first. */
  pause(): Promise<void>;
  monotonicMs(): number;
}

export function databaseOf(context: QueryContext, name: string | undefined): Database {
  const wanted = name ?? context.database;
  if (wanted === undefined) throw new LatticeError('QUERY_SYNTAX', 'database name required');
  const database = context.engine.database(wanted);
  if (database === undefined) throw new LatticeError('STORE_NOT_FOUND', `database not found: ${wanted}`);
  return database;
}

export function policyOf(context: QueryContext, database: Database, name: string | undefined): RetentionPolicy {
  const wanted = name ?? (database.name === context.database ? context.policy : undefined);
  const policy = wanted === undefined ? database.defaultPolicy : database.policy(wanted);
  if (policy !== undefined) return policy;
  throw new LatticeError('STORE_NOT_FOUND', `retention policy not found: ${wanted ?? ''}`);
}

export interface ScanOptions {
  fields: readonly Field[];
  fromNs: bigint;
  toNs: bigint;
  isDescending: boolean;
  /** Return false to end the scan of this series. */
  onRow(row: ScanRow): boolean;
  /** A small number when the scan is expected to end soon. */
  rowsExpected?: number;
}

const PAGE_ROWS = 4_096;
/** A query works this long before other requests get their turn. */
const TURN_MS = 10;

/** Reads series page by page within the bounds of one statement, and gives way to other requests in between. */
export class Reader {
  readonly #context: QueryContext;
  #rowsLeft: number;
  #turnEndMs: number;

  constructor(context: QueryContext) {
    this.#context = context;
    this.#rowsLeft = context.limits.queryPointsMax;
    this.#turnEndMs = context.monotonicMs() + TURN_MS;
  }

  async scan(measurement: Measurement, series: Series, options: ScanOptions): Promise<void> {
    const { fields, isDescending, onRow } = options;
    let { fromNs, toNs } = options;
    const rowsMax = Math.min(PAGE_ROWS, options.rowsExpected ?? PAGE_ROWS);
    while (fromNs <= toNs) {
      const rows = measurement.page(series, fields, { fromNs, toNs, descending: isDescending, rowsMax });
      this.#rowsLeft -= rows.length;
      if (this.#rowsLeft < 0) {
        const { queryPointsMax } = this.#context.limits;
        throw new LatticeError('QUERY_LIMIT', `max-select-point limit exceeed: (more than ${queryPointsMax})`);
      }
      for (const row of rows) if (!onRow(row)) return;
      if (rows.length < rowsMax) break;
      const last = (rows.at(-1) as ScanRow)[0];
      if (isDescending) toNs = last - 1n;
      else fromNs = last + 1n;
      await this.#giveWay();
    }
    await this.#giveWay();
  }

  async #giveWay(): Promise<void> {
    if (this.#context.monotonicMs() < this.#turnEndMs) return;
    await this.#context.pause();
    this.#turnEndMs = this.#context.monotonicMs() + TURN_MS;
  }
}
