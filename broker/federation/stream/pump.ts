import type { DurableLog } from '../../../core/log/index.ts';
import { type Clock, delay } from '../../../core/time/index.ts';

export interface PumpOptions {
  journal: DurableLog;
  clock: Clock;
  signal: AbortSignal;
  onFailed: (error: unknown) => void;
}

/** How long nothing is sent after the journal could not be read. */
const RETRY_MS = 1_000;

/** Keeps sending while there is something to send, and sleeps until the journal grows or somebody wakes it. */
export class Pump {
  readonly #options: PumpOptions;
  #wake: (() => void) | undefined;
  #isWoken = false;
  #waitsForJournal = false;

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. `send` says whether there was anything to send. */
  async run(send: () => Promise<boolean>): Promise<void> {
    const { clock, signal, onFailed } = this.#options;
    while (!signal.aborted) {
      this.#isWoken = false;
      try {
        if (!(await send())) await this.#pause();
      } catch (error) {
        if (signal.aborted) return;
        // A disk that fails once may work again.
        onFailed(error);
        await delay(clock, RETRY_MS, signal);
      }
    }
  }

  /** There may be something to send, or room for it. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Until there is something new: an acknowledgement, room, a record. */
  async #pause(): Promise<void> {
    if (!this.#waitsForJournal) {
      this.#waitsForJournal = true;
      const { clock, journal, signal, onFailed } = this.#options;
      void journal
        .waitBeyond(journal.durablePosition, signal)
        .catch((error: unknown) => {
          if (!signal.aborted) onFailed(error);
          return delay(clock, RETRY_MS, signal);
        })
        .then(() => {
          this.#waitsForJournal = false;
          this.wake();
        });
    }
    if (this.#isWoken) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
