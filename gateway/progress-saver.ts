import type { Logger } from 'pino';
import { codeOf, messageOf } from '../core/errors/index.ts';
import type { DurableLog } from '../core/log/index.ts';
import { type GatewayProgress, saveProgress } from './account/index.ts';

/**
 * Saves what a gateway knows, one save at a time, and lets the buffer forget what the saved progress covers: it is in the
 * ledger and in the store, and is not needed again.
 */
export class ProgressSaver {
  readonly #path: string;
  readonly #buffer: DurableLog;
  readonly #current: () => GatewayProgress;
  readonly #log: Logger;
  #saving: Promise<void> = Promise.resolve();
  #saved: Pick<GatewayProgress, 'takenPosition' | 'replicatedPosition'> | undefined;

  constructor(options: { path: string; buffer: DurableLog; current: () => GatewayProgress; log: Logger }) {
    this.#path = options.path;
    this.#buffer = options.buffer;
    this.#current = options.current;
    this.#log = options.log;
  }

  /** Saves, if anything has changed. A failure is logged, and the next call tries again. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#saveNow());
    return this.#saving;
  }

  async #saveNow(): Promise<void> {
    const progress = this.#current();
    const { takenPosition, replicatedPosition } = progress;
    if (takenPosition === this.#saved?.takenPosition && replicatedPosition === this.#saved.replicatedPosition) return;
    try {
      await saveProgress(this.#path, progress);
      this.#saved = { takenPosition, replicatedPosition };
      await this.#buffer.trim(Math.min(takenPosition, replicatedPosition));
    } catch (error) {
      this.#log.error({ code: codeOf(error), reason: messageOf(error) }, 'the progress could not be saved');
    }
  }
}
