import type { FencingToken } from '../../../../core/wire/index.ts';

/**
 * What the query language and the HTTP side need of storage. The first engine keeps a row per point in SQLite; one that
 * keeps columnar chunks goes behind the same port.
 */
export type FieldType = 'float' | 'integer' | 'string' | 'boolean';

/** Whole numbers beyond 2^53 are bigint, the others number. */
export type FieldValue = number | bigint | string | boolean;

export interface Field {
  readonly id: number;
  readonly name: string;
  readonly type: FieldType;
}

export interface Series {
  readonly id: number;
  /** Measurement and sorted tags, escaped as in line protocol. */
  readonly key: string;
  /** Sorted by key. */
  readonly tags: ReadonlyMap<string, string>;
}

export interface Measurement {
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
  /** In order of their keys. */
  series(): readonly Series[];
  /**
   * One page of a series in order of time (or from the newest, when descending): each row is the time stamp and then one
   * value per field, null where the point has none. Rows without any of the fields are left out. An empty page is the end;
   * the next page starts beyond the last stamp of this one.
   */
  page(series: Series, fields: readonly Field[], range: ScanRange): ScanRow[];
}

export interface ScanRange {
  /** Both ends belong to the range. */
  fromNs: bigint;
  toNs: bigint;
  descending: boolean;
  rowsMax: number;
}

export type ScanRow = [timeNs: bigint, ...values: (FieldValue | null)[]];

export interface RetentionPolicy {
  readonly name: string;
  /** 0 keeps for ever. */
  readonly durationNs: bigint;
  readonly isDefault: boolean;
  measurement(name: string): Measurement | undefined;
  /** Sorted by name. */
  measurements(): Measurement[];
}

export interface Database {
  readonly name: string;
  readonly policies: readonly RetentionPolicy[];
  policy(name: string): RetentionPolicy | undefined;
  readonly defaultPolicy: RetentionPolicy | undefined;
}

export interface PolicyChange {
  durationNs?: bigint | undefined;
  isDefault?: boolean | undefined;
}

export interface WriteRequest {
  database: string;
  /** The database's default policy when left out. */
  policy?: string | undefined;
  /** Line protocol. */
  body: Uint8Array;
  /** What one unit of a stamp is, in ns. */
  stampUnitNs: bigint;
  /** In whose name the points are written; nothing of them is stored when a later holder has written before. */
  fence?: FencingToken | undefined;
}

/** What became of one write. Everything that is not named here is stored and synced. */
export interface WriteOutcome {
  stored: number;
  /** Lines that could not be parsed, in InfluxDB's words. */
  malformed: string[];
  /** Points that were refused, and why the first of them was. */
  dropped: number;
  dropReason?: string;
  /** The greater token that was seen before, because of which nothing was stored. */
  fencedBy?: number;
}

export interface EngineStats {
  databases: number;
  measurements: number;
  series: number;
  pointsWritten: number;
  pointsDropped: number;
  commits: number;
  /** Writes that were refused for an older token, since the start. */
  fenced: number;
  /** Of the files on disk. */
  bytes: number;
}

export interface Engine {
  /** Sorted by name. */
  databases(): Database[];
  database(name: string): Database | undefined;
  createDatabase(name: string): void;
  dropDatabase(name: string): void;
  createPolicy(database: string, name: string, change: PolicyChange): void;
  alterPolicy(database: string, name: string, change: PolicyChange): void;
  dropPolicy(database: string, name: string): void;
  dropMeasurement(database: string, name: string): void;
  dropSeries(database: string, measurement: string, series: readonly Series[]): void;
  /** Resolves after the transaction is on disk. Rejects with DISK_FULL, DISK_FAILED or STORE_BUSY. */
  write(request: WriteRequest): Promise<WriteOutcome>;
  /** Deletes what is older than its policy keeps; says how many points went. */
  expire(): number;
  stats(): EngineStats;
  close(): Promise<void>;
}
