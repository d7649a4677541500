import { DatabaseSync } from 'node:sqlite';
import { LatticeError } from '../../../../core/errors/index.ts';

/**
 * Exclusive use of a folder. The lock is SQLite's own lock on a file of its own, held by an open transaction, so the
 * system lets go of it when the process dies, however it dies. Throws DATA_LOCKED.
 */
export function lockFolder(dataDir: string): { release(): void } {
  const db = new DatabaseSync(`${dataDir}/lock`);
  try {
    db.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    throw new LatticeError('DATA_LOCKED', `Another process keeps its store in ${dataDir}.`, { cause });
  }
  return { release: () => db.close() };
}
