import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { Field, FieldType, FieldValue, ScanRange, ScanRow } from './types.ts';

/** Column types of SQLite. REAL stores whole doubles as integers on disk, which is what most sensors send. */
const COLUMN_TYPES: Record<FieldType, string> = {
  float: 'REAL',
  integer: 'INTEGER',
  string: 'TEXT',
  boolean: 'INTEGER',
};

/** Sets of fields that senders write together; each has a prepared statement. */
const LAYOUTS_MAX = 256;

export function createPointTable(db: DatabaseSync, measurementId: number): void {
  db.exec(`CREATE TABLE ${tableName(measurementId)}(
    series INTEGER NOT NULL, time INTEGER NOT NULL, PRIMARY KEY(series, time)) STRICT, WITHOUT ROWID`);
}

/**
 * The points of one measurement: a row per series and stamp, a column per field. A second write of a point sets the
 * fields that it has and leaves the others, which is influxd's union.
 */
export class PointTable {
  readonly #db: DatabaseSync;
  readonly #reader: DatabaseSync;
  readonly #table: string;
  readonly #upserts = new Map<string, StatementSync>();
  readonly #pages = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, reader: DatabaseSync, measurementId: number) {
    this.#db = db;
    this.#reader = reader;
    this.#table = tableName(measurementId);
  }

  addColumn(field: Field): void {
    this.#db.exec(`ALTER TABLE ${this.#table} ADD COLUMN ${columnName(field)} ${COLUMN_TYPES[field.type]}`);
  }

  /** The statement that writes (series, time, one value per field). */
  upsert(fields: readonly Field[]): StatementSync {
    const columns = fields.map(columnName);
    const layout = columns.join(',');
    let statement = this.#upserts.get(layout);
    if (statement === undefined) {
      if (this.#upserts.size >= LAYOUTS_MAX) this.#upserts.clear();
      statement = this.#db.prepare(
        `INSERT INTO ${this.#table}(series, time, ${layout}) VALUES (?, ?${', ?'.repeat(columns.length)})
         ON CONFLICT(series, time) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}`,
      );
      this.#upserts.set(layout, statement);
    }
    return statement;
  }

  page(seriesId: number, fields: readonly Field[], range: ScanRange): ScanRow[] {
    const statement = this.#pageStatement(fields, range.descending);
    const rows = statement.all(seriesId, range.fromNs, range.toNs, range.rowsMax) as unknown as ScanRow[];
    decode(rows, fields);
    return rows;
  }

  /** A page is read in one call, so queries that run at once can share the statement. */
  #pageStatement(fields: readonly Field[], isDescending: boolean): StatementSync {
    const columns = fields.map(columnName);
    const layout = `${isDescending ? 'DESC' : 'ASC'} ${columns.join(',')}`;
    let statement = this.#pages.get(layout);
    if (statement === undefined) {
      const isPresent = columns.map((column) => `${column} IS NOT NULL`).join(' OR ');
      statement = this.#reader.prepare(
        `SELECT ${['time', ...columns].join(', ')} FROM ${this.#table}
         WHERE series = ? AND time BETWEEN ? AND ?${columns.length === 0 ? '' : ` AND (${isPresent})`}
         ORDER BY time ${isDescending ? 'DESC' : 'ASC'} LIMIT ?`,
      );
      statement.setReadBigInts(true);
      statement.setReturnArrays(true);
      if (this.#pages.size >= LAYOUTS_MAX) this.#pages.clear();
      this.#pages.set(layout, statement);
    }
    return statement;
  }

  dropSeries(seriesId: number): void {
    this.#db.prepare(`DELETE FROM ${this.#table} WHERE series = ?`).run(seriesId);
  }

  /** Deletes the points of a series before a stamp; says how many. */
  dropBefore(seriesId: number, timeNs: bigint): number {
    return Number(
      this.#db.prepare(`DELETE FROM ${this.#table} WHERE series = ? AND time < ?`).run(seriesId, timeNs).changes,
    );
  }

  drop(): void {
    this.#upserts.clear();
    this.#pages.clear();
    this.#db.exec(`DROP TABLE ${this.#table}`);
  }
}

/** What SQLite is given for a value: it has no booleans. */
export function sqlValueOf(value: FieldValue): SQLInputValue {
  return typeof value === 'boolean' ? Number(value) : value;
}

/** Integers come as bigint, since stamps do; the values among them become numbers where these are exact. */
function decode(rows: ScanRow[], fields: readonly Field[]): void {
  fields.forEach((field, index) => {
    if (field.type !== 'integer' && field.type !== 'boolean') return;
    for (const row of rows) {
      const value = row[index + 1];
      if (typeof value !== 'bigint') continue;
      if (field.type === 'boolean') row[index + 1] = value !== 0n;
      else if (value >= MIN_SAFE && value <= MAX_SAFE) row[index + 1] = Number(value);
    }
  });
}

const MIN_SAFE = BigInt(Number.MIN_SAFE_INTEGER);
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

function tableName(measurementId: number): string {
  return `points_${measurementId}`;
}

function columnName(field: Field): string {
  return `f${field.id}`;
}
