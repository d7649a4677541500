import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../core/errors/index.ts';
import { writeFileAtomic } from '../../core/files/index.ts';

/** A file in a broker's data folder while the broker drains: whoever sent its clients away does not want them back with a restart. */
export class DrainMark {
  readonly #path: string;
  /** One after the other, so that the last one counts. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(directory: string) {
    this.#path = join(directory, 'draining');
  }

  async isSet(): Promise<boolean> {
    try {
      await readFile(this.#path);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Resolves once it is on disk; rejects with the disk's error. */
  set(isDraining: boolean): Promise<void> {
    const write = (): Promise<void> =>
      isDraining
        ? writeFileAtomic(this.#path, 'lattice drain --undo takes this away\n')
        : rm(this.#path, { force: true });
    const written = this.#writing.then(write);
    this.#writing = written.catch(() => {});
    return written;
  }
}
