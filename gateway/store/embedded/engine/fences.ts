import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { FencingToken } from '../../../../core/wire/index.ts';

/** The greatest token of each scope that has come with points, in the file beside them. */
export class Fences {
  readonly #raise: StatementSync;
  readonly #highest: StatementSync;

  constructor(db: DatabaseSync) {
    this.#raise = db.prepare(
      `INSERT INTO fence(scope, token) VALUES (?, ?)
       ON CONFLICT(scope) DO UPDATE SET token = excluded.token WHERE excluded.token >= fence.token`,
    );
    this.#highest = db.prepare('SELECT token FROM fence WHERE scope = ?');
  }

  /** Keeps the token, in the caller's transaction; gives the greater one when that was seen before. */
  admit({ scope, token }: FencingToken): number | undefined {
    if (this.#raise.run(scope, token).changes > 0) return undefined;
    return (this.#highest.get(scope) as { token: number }).token;
  }
}
