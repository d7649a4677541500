import type { DatabaseSync } from 'node:sqlite';
import { LatticeError } from '../../../../core/errors/index.ts';

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

const FENCES = `
  CREATE TABLE fence(
    scope TEXT PRIMARY KEY,
    token INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** What leads from each form of the file to the next; a later form adds a step, never changes one. */
const STEPS = [CATALOGUE, FENCES];

/** Makes the tables that a new file or one of an earlier form lacks. Throws CONFIG_INVALID on a file of a later form. */
export function prepareSchema(db: DatabaseSync): void {
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > STEPS.length) {
    throw new LatticeError(
      'CONFIG_INVALID',
      `The store's file has form ${version}; this version knows ${STEPS.length}.`,
    );
  }
  if (version === STEPS.length) return;
  db.exec(`BEGIN; ${STEPS.slice(version).join('')} PRAGMA user_version = ${STEPS.length}; COMMIT;`);
}
