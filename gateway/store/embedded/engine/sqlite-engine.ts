import { mkdirSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { LatticeError } from '../../../../core/errors/index.ts';
import type { Clock } from '../../../../core/time/index.ts';
import { compareBytes } from '../line-protocol/index.ts';
import {
  Catalogue,
  type DatabaseRecord,
  type MeasurementRecord,
  type PolicyRecord,
  sortedSeries,
} from './catalogue.ts';
import { CommitQueue } from './commit-queue.ts';
import { Fences } from './fences.ts';
import { type IngestLimits, ingest } from './ingest.ts';
import { lockFolder } from './lock.ts';
import { prepareSchema } from './schema.ts';
import type {
  Database,
  Engine,
  EngineStats,
  Measurement,
  PolicyChange,
  RetentionPolicy,
  Series,
  WriteOutcome,
  WriteRequest,
} from './types.ts';

export interface SqliteEngineOptions {
  dataDir: string;
  clock: Clock;
  limits: IngestLimits & { writeQueueBytesMax: number };
}

export const DEFAULT_POLICY = 'autogen';

const NS_PER_MS = 1_000_000n;
/** WAL pages between checkpoints: 16 MiB, so that steady writing rewrites a page of the file less often. */
const CHECKPOINT_PAGES = 16_384;
/** A batch of many devices touches a page of each series, and every touched page is written: small ones write less. */
const PAGE_BYTES = 1_024;
const CACHE_KIB = 32_768;

/** Opens the store's files in dataDir, which it makes if need be. Throws DATA_LOCKED, DISK_FAILED. */
export function openSqliteEngine(options: SqliteEngineOptions): Engine {
  mkdirSync(options.dataDir, { recursive: true });
  return new SqliteEngine(options);
}

class SqliteEngine implements Engine {
  readonly #clock: Clock;
  readonly #limits: SqliteEngineOptions['limits'];
  readonly #lock: { release(): void };
  readonly #db: DatabaseSync;
  readonly #reader: DatabaseSync;
  readonly #catalogue: Catalogue;
  readonly #fences: Fences;
  readonly #file: string;
  readonly #queue: CommitQueue;
  #isClosed = false;
  #pointsWritten = 0;
  #pointsDropped = 0;
  #commits = 0;
  #fenced = 0;

  constructor(options: SqliteEngineOptions) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#lock = lockFolder(options.dataDir);
    this.#file = `${options.dataDir}/points.db`;
    this.#db = new DatabaseSync(this.#file, { enableForeignKeyConstraints: true });
    // FULL: the log is synced at every commit, so what was acknowledged survives a power cut.
    this.#db.exec(
      `PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB};
       PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA temp_store = MEMORY`,
    );
    prepareSchema(this.#db);
    this.#reader = new DatabaseSync(this.#file, { readOnly: true });
    this.#reader.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    this.#catalogue = new Catalogue(this.#db, this.#reader);
    this.#fences = new Fences(this.#db);
    this.#queue = new CommitQueue({ commit: (requests) => this.#commit(requests) }, options.limits.writeQueueBytesMax);
  }

  databases(): Database[] {
    return [...this.#catalogue.databases.values()].map(databaseView).sort((a, b) => compareBytes(a.name, b.name));
  }

  database(name: string): Database | undefined {
    const record = this.#catalogue.databases.get(name);
    return record === undefined ? undefined : databaseView(record);
  }

  createDatabase(name: string): void {
    if (this.#catalogue.databases.has(name)) return;
    this.#transact(() => this.#catalogue.addPolicy(this.#catalogue.addDatabase(name), DEFAULT_POLICY, 0n, true));
  }

  dropDatabase(name: string): void {
    const record = this.#catalogue.databases.get(name);
    if (record !== undefined) this.#transact(() => this.#catalogue.removeDatabase(record));
  }

  createPolicy(database: string, name: string, change: PolicyChange): void {
    const record = this.#record(database);
    this.#transact(() => this.#catalogue.addPolicy(record, name, change.durationNs ?? 0n, change.isDefault ?? false));
  }

  alterPolicy(database: string, name: string, change: PolicyChange): void {
    const record = this.#record(database);
    const policy = policyOf(record, name);
    this.#transact(() => {
      if (change.durationNs !== undefined) this.#catalogue.setPolicyDuration(policy, change.durationNs);
      if (change.isDefault === true) this.#catalogue.setDefaultPolicy(record, policy);
    });
  }

  dropPolicy(database: string, name: string): void {
    const record = this.#record(database);
    const policy = policyOf(record, name);
    this.#transact(() => this.#catalogue.removePolicy(record, policy));
  }

  dropMeasurement(database: string, name: string): void {
    const record = this.#record(database);
    this.#transact(() => {
      for (const policy of record.policies.values()) {
        const measurement = policy.measurements.get(name);
        if (measurement !== undefined) this.#catalogue.removeMeasurement(policy, measurement);
      }
    });
  }

  dropSeries(database: string, measurement: string, series: readonly Series[]): void {
    const record = this.#record(database);
    this.#transact(() => {
      for (const policy of record.policies.values()) {
        const home = policy.measurements.get(measurement);
        if (home === undefined) continue;
        for (const one of series) {
          const known = home.seriesByKey.get(one.key);
          if (known?.id === one.id) this.#catalogue.removeSeries(policy, home, known);
        }
        if (home.seriesByKey.size === 0) this.#catalogue.removeMeasurement(policy, home);
      }
    });
  }

  write(request: WriteRequest): Promise<WriteOutcome> {
    if (this.#isClosed) return Promise.reject(new LatticeError('LOG_CLOSED', 'The store is closed.'));
    return this.#queue.write(request);
  }

  expire(): number {
    const nowNs = this.#nowNs();
    let dropped = 0;
    for (const database of this.#catalogue.databases.values()) {
      for (const policy of database.policies.values()) {
        if (policy.durationNs === 0n) continue;
        this.#transact(() => {
          for (const measurement of policy.measurements.values()) {
            for (const series of measurement.seriesByKey.values()) {
              dropped += measurement.points.dropBefore(series.id, nowNs - policy.durationNs);
            }
          }
        });
      }
    }
    return dropped;
  }

  stats(): EngineStats {
    let measurements = 0;
    for (const database of this.#catalogue.databases.values()) {
      for (const policy of database.policies.values()) measurements += policy.measurements.size;
    }
    return {
      databases: this.#catalogue.databases.size,
      measurements,
      series: this.#catalogue.seriesCount,
      pointsWritten: this.#pointsWritten,
      pointsDropped: this.#pointsDropped,
      commits: this.#commits,
      fenced: this.#fenced,
      bytes: sizeOf(this.#file) + sizeOf(`${this.#file}-wal`),
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#queue.drain();
    this.#reader.close();
    this.#db.close();
    this.#lock.release();
  }

  #commit(requests: readonly WriteRequest[]): WriteOutcome[] {
    const outcomes = this.#transact(() => requests.map((request) => this.#apply(request)));
    for (const outcome of outcomes) {
      this.#pointsWritten += outcome.stored;
      this.#pointsDropped += outcome.dropped + outcome.malformed.length;
      if (outcome.fencedBy !== undefined) this.#fenced++;
    }
    return outcomes;
  }

  #apply(request: WriteRequest): WriteOutcome {
    const fencedBy = request.fence && this.#fences.admit(request.fence);
    if (fencedBy !== undefined) return { stored: 0, malformed: [], dropped: 0, fencedBy };
    const database = this.#catalogue.databases.get(request.database);
    const policy = database === undefined ? undefined : findPolicy(database, request.policy);
    // Both were there when the request came in; dropped in between, they take the points with them.
    if (policy === undefined) return { stored: 0, malformed: [], dropped: 0 };
    return ingest(request.body, {
      catalogue: this.#catalogue,
      policy,
      limits: this.#limits,
      nowNs: this.#nowNs(),
      stampUnitNs: request.stampUnitNs,
    });
  }

  /** Runs a change in one transaction; when it fails, neither the file nor the memory keeps any of it. */
  #transact<T>(change: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = change();
      this.#db.exec('COMMIT');
      this.#commits++;
      return result;
    } catch (error) {
      // SQLite has rolled back by itself after some errors, such as a full disk.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      this.#catalogue.reload();
      throw error;
    }
  }

  #record(database: string): DatabaseRecord {
    const record = this.#catalogue.databases.get(database);
    if (record === undefined) throw new LatticeError('STORE_NOT_FOUND', `database not found: ${database}`);
    return record;
  }

  #nowNs(): bigint {
    return BigInt(Math.round(this.#clock.wallMs())) * NS_PER_MS;
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function findPolicy(database: DatabaseRecord, name: string | undefined): PolicyRecord | undefined {
  if (name !== undefined) return database.policies.get(name);
  for (const policy of database.policies.values()) if (policy.isDefault) return policy;
  return undefined;
}

function policyOf(database: DatabaseRecord, name: string): PolicyRecord {
  const policy = database.policies.get(name);
  if (policy === undefined) throw new LatticeError('STORE_NOT_FOUND', `retention policy not found: ${name}`);
  return policy;
}

function databaseView(record: DatabaseRecord): Database {
  return {
    name: record.name,
    get policies() {
      return [...record.policies.values()].map(policyView);
    },
    policy(name) {
      const policy = record.policies.get(name);
      return policy === undefined ? undefined : policyView(policy);
    },
    get defaultPolicy() {
      const policy = findPolicy(record, undefined);
      return policy === undefined ? undefined : policyView(policy);
    },
  };
}

function policyView(record: PolicyRecord): RetentionPolicy {
  return {
    name: record.name,
    durationNs: record.durationNs,
    isDefault: record.isDefault,
    measurement(name) {
      const measurement = record.measurements.get(name);
      return measurement === undefined ? undefined : measurementView(measurement);
    },
    measurements: () =>
      [...record.measurements.values()].map(measurementView).sort((a, b) => compareBytes(a.name, b.name)),
  };
}

function measurementView(record: MeasurementRecord): Measurement {
  return {
    name: record.name,
    fields: record.fields,
    series: () => sortedSeries(record),
    page: (series, fields, range) => record.points.page(series.id, fields, range),
  };
}
