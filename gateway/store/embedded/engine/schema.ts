import type { DatabaseSync } from 'node:sqlite';
import { LatticeError } from '../../../../core/errors/index.ts';

/** The form of the file; a later form adds steps, never changes one. */
const SCHEMA_VERSION = 1;

const CATALOGUE = `
  CREATE TABLE database(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE policy(
    id INTEGER PRIMARY KEY,
    database_id INTEGER NOT NULL REFERENCES database(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    duration_ns INTEGER NOT NULL,
    is_default INTEGER NOT NULL,
    UNIQUE(database_id, name)
  ) STRICT;
  CREATE TABLE measurement(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy_id INTEGER NOT NULL REFERENCES policy(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    UNIQUE(policy_id, name)
  ) STRICT;
  CREATE TABLE field(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    measurement_id INTEGER NOT NULL REFERENCES measurement(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    type TEXT NOT NULL CHECK(type IN ('float', 'integer', 'string', 'boolean')),
    UNIQUE(measurement_id, name)
  ) STRICT;
  CREATE TABLE series(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    measurement_id INTEGER NOT NULL REFERENCES measurement(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    UNIQUE(measurement_id, key)
  ) STRICT;
`;

/** Makes the catalogue's tables in a new file. Throws CONFIG_INVALID on a file of a later version. */
export function prepareSchema(db: DatabaseSync): void {
  const version = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  if (version === SCHEMA_VERSION) return;
  if (version !== 0) {
    throw new LatticeError(
      'CONFIG_INVALID',
      `The store's file has form ${version}; this version knows ${SCHEMA_VERSION}.`,
    );
  }
  db.exec(`BEGIN; ${CATALOGUE} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
}
