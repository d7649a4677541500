import type { DatabaseSync } from 'node:sqlite';
import { compareBytes, formatSeriesKey, parseSeriesKey, type SeriesKey } from '../line-protocol/index.ts';
import { createPointTable, PointTable } from './point-table.ts';
import type { Field, FieldType, Series } from './types.ts';

/** How many keys as senders spell them are kept beside the series, per policy; the spelling of a sender is stable. */
const SPELLINGS_MAX = 1_000_000;

export interface MeasurementRecord {
  readonly id: number;
  readonly name: string;
  readonly fields: Map<string, Field>;
  readonly seriesByKey: Map<string, SeriesRecord>;
  readonly points: PointTable;
}

export interface SeriesRecord extends Series {
  readonly measurement: MeasurementRecord;
}

export interface PolicyRecord {
  readonly id: number;
  readonly name: string;
  durationNs: bigint;
  isDefault: boolean;
  readonly measurements: Map<string, MeasurementRecord>;
  /** Series by their keys as lines spell them. */
  readonly spellings: Map<string, SeriesRecord>;
}

export interface DatabaseRecord {
  readonly id: number;
  readonly name: string;
  readonly policies: Map<string, PolicyRecord>;
}

/**
 * Databases, policies, measurements, fields and series, in memory and in the file. Every change goes to both inside the
 * caller's transaction; after a roll-back the memory is read again from the file.
 */
export class Catalogue {
  readonly databases = new Map<string, DatabaseRecord>();
  #seriesCount = 0;
  readonly #db: DatabaseSync;
  readonly #reader: DatabaseSync;

  constructor(db: DatabaseSync, reader: DatabaseSync) {
    this.#db = db;
    this.#reader = reader;
    this.reload();
  }

  get seriesCount(): number {
    return this.#seriesCount;
  }

  reload(): void {
    this.databases.clear();
    this.#seriesCount = 0;
    for (const database of select<Row>(this.#db, 'SELECT id, name FROM database')) {
      const record = newDatabase(database.id, database.name);
      this.databases.set(record.name, record);
      for (const policy of select<PolicyRow>(this.#db, SELECT_POLICIES, record.id)) {
        const policyRecord = newPolicy(policy.id, policy.name, BigInt(policy.duration), policy.isDefault === 1);
        record.policies.set(policy.name, policyRecord);
        for (const measurement of select<Row>(this.#db, SELECT_MEASUREMENTS, policy.id)) {
          policyRecord.measurements.set(measurement.name, this.#loadMeasurement(measurement.id, measurement.name));
        }
      }
    }
  }

  addDatabase(name: string): DatabaseRecord {
    const record = newDatabase(insert(this.#db, 'INSERT INTO database(name) VALUES (?)', name), name);
    this.databases.set(name, record);
    return record;
  }

  removeDatabase(record: DatabaseRecord): void {
    for (const policy of record.policies.values()) this.removePolicy(record, policy);
    this.#db.prepare('DELETE FROM database WHERE id = ?').run(record.id);
    this.databases.delete(record.name);
  }

  addPolicy(database: DatabaseRecord, name: string, durationNs: bigint, isDefault: boolean): PolicyRecord {
    const id = insert(
      this.#db,
      'INSERT INTO policy(database_id, name, duration_ns, is_default) VALUES (?, ?, ?, 0)',
      database.id,
      name,
      durationNs,
    );
    const record = newPolicy(id, name, durationNs, false);
    database.policies.set(name, record);
    if (isDefault) this.setDefaultPolicy(database, record);
    return record;
  }

  setPolicyDuration(policy: PolicyRecord, durationNs: bigint): void {
    this.#db.prepare('UPDATE policy SET duration_ns = ? WHERE id = ?').run(durationNs, policy.id);
    policy.durationNs = durationNs;
  }

  setDefaultPolicy(database: DatabaseRecord, policy: PolicyRecord): void {
    this.#db.prepare('UPDATE policy SET is_default = (id = ?) WHERE database_id = ?').run(policy.id, database.id);
    for (const other of database.policies.values()) other.isDefault = other === policy;
  }

  removePolicy(database: DatabaseRecord, policy: PolicyRecord): void {
    for (const measurement of policy.measurements.values()) this.removeMeasurement(policy, measurement);
    this.#db.prepare('DELETE FROM policy WHERE id = ?').run(policy.id);
    database.policies.delete(policy.name);
  }

  addMeasurement(policy: PolicyRecord, name: string): MeasurementRecord {
    const id = insert(this.#db, 'INSERT INTO measurement(policy_id, name) VALUES (?, ?)', policy.id, name);
    createPointTable(this.#db, id);
    const record = this.#newMeasurement(id, name);
    policy.measurements.set(name, record);
    return record;
  }

  removeMeasurement(policy: PolicyRecord, measurement: MeasurementRecord): void {
    measurement.points.drop();
    this.#db.prepare('DELETE FROM measurement WHERE id = ?').run(measurement.id);
    policy.measurements.delete(measurement.name);
    this.#seriesCount -= measurement.seriesByKey.size;
    forget(policy, (series) => series.measurement === measurement);
  }

  addField(measurement: MeasurementRecord, name: string, type: FieldType): Field {
    const id = insert(
      this.#db,
      'INSERT INTO field(measurement_id, name, type) VALUES (?, ?, ?)',
      measurement.id,
      name,
      type,
    );
    const field: Field = { id, name, type };
    measurement.points.addColumn(field);
    measurement.fields.set(name, field);
    return field;
  }

  addSeries(measurement: MeasurementRecord, key: SeriesKey): SeriesRecord {
    const text = formatSeriesKey(key);
    const id = insert(this.#db, 'INSERT INTO series(measurement_id, key) VALUES (?, ?)', measurement.id, text);
    const series: SeriesRecord = { id, key: text, tags: key.tags, measurement };
    measurement.seriesByKey.set(text, series);
    this.#seriesCount++;
    return series;
  }

  removeSeries(policy: PolicyRecord, measurement: MeasurementRecord, series: Series): void {
    measurement.points.dropSeries(series.id);
    this.#db.prepare('DELETE FROM series WHERE id = ?').run(series.id);
    if (measurement.seriesByKey.delete(series.key)) this.#seriesCount--;
    forget(policy, (known) => known.id === series.id);
  }

  rememberSpelling(policy: PolicyRecord, spelling: string, series: SeriesRecord): void {
    if (policy.spellings.size >= SPELLINGS_MAX) policy.spellings.clear();
    policy.spellings.set(spelling, series);
  }

  #newMeasurement(id: number, name: string): MeasurementRecord {
    return { id, name, fields: new Map(), seriesByKey: new Map(), points: new PointTable(this.#db, this.#reader, id) };
  }

  #loadMeasurement(id: number, name: string): MeasurementRecord {
    const record = this.#newMeasurement(id, name);
    for (const field of select<FieldRow>(this.#db, SELECT_FIELDS, id)) {
      record.fields.set(field.name, { id: field.id, name: field.name, type: field.type });
    }
    for (const series of select<SeriesRow>(this.#db, SELECT_SERIES, id)) {
      const key = parseSeriesKey(series.key) as SeriesKey;
      record.seriesByKey.set(series.key, { id: series.id, key: series.key, tags: key.tags, measurement: record });
      this.#seriesCount++;
    }
    return record;
  }
}

/** In the order of their keys' bytes, as influxd lists them. */
export function sortedSeries(measurement: MeasurementRecord): Series[] {
  return [...measurement.seriesByKey.values()].sort((a, b) => compareBytes(a.key, b.key));
}

interface Row {
  id: number;
  name: string;
}
interface PolicyRow extends Row {
  duration: string;
  isDefault: number;
}
interface FieldRow extends Row {
  type: FieldType;
}
interface SeriesRow {
  id: number;
  key: string;
}

const SELECT_POLICIES =
  'SELECT id, name, CAST(duration_ns AS TEXT) duration, is_default isDefault FROM policy WHERE database_id = ? ORDER BY id';
const SELECT_MEASUREMENTS = 'SELECT id, name FROM measurement WHERE policy_id = ?';
const SELECT_FIELDS = 'SELECT id, name, type FROM field WHERE measurement_id = ?';
const SELECT_SERIES = 'SELECT id, key FROM series WHERE measurement_id = ?';

function select<T>(db: DatabaseSync, sql: string, ...values: number[]): T[] {
  return db.prepare(sql).all(...values) as unknown as T[];
}

function insert(db: DatabaseSync, sql: string, ...values: (string | number | bigint)[]): number {
  return Number(db.prepare(sql).run(...values).lastInsertRowid);
}

function newDatabase(id: number, name: string): DatabaseRecord {
  return { id, name, policies: new Map() };
}

function newPolicy(id: number, name: string, durationNs: bigint, isDefault: boolean): PolicyRecord {
  return { id, name, durationNs, isDefault, measurements: new Map(), spellings: new Map() };
}

function forget(policy: PolicyRecord, isGone: (series: SeriesRecord) => boolean): void {
  for (const [spelling, series] of policy.spellings) if (isGone(series)) policy.spellings.delete(spelling);
}
