import type { Role } from '../../core/identity/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock, Timer } from '../../core/time/index.ts';

export interface DrainOptions {
  clock: Clock;
  random: Random;
  /** The connected clients that have to go. */
  leavers: () => { close(): void }[];
}

/** Time for clients that read the list of brokers to finish what is under way and move by themselves. */
export const GRACE_MS = 5_000;
/** The others are closed in about so many batches, so that the brokers that take them are not overrun. */
const BATCHES = 50;
const BATCH_MIN = 5;
const BATCH_INTERVAL_MS = 200;

/** Whether clients of a role stay while a broker drains: people and tools that look after it have to reach it. */
export function staysWhileDraining(role: Role): boolean {
  return role === 'operator' || role === 'console';
}

/**
 * Sends the clients of a broker away: first they are given time to go, then what is left is closed in small batches at
 * uneven intervals. Goes on for as long as it is not undone, since a client may still have been at its CONNECT.
 */
export class Drain {
  readonly #options: DrainOptions;
  #timer: Timer | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  get isDraining(): boolean {
    return this.#timer !== undefined;
  }

  /** False when it drains already. */
  begin(): boolean {
    if (this.isDraining) return false;
    this.#timer = this.#options.clock.setTimer(GRACE_MS, () => this.#closeBatch(this.#batchSize()));
    return true;
  }

  /** False when it does not drain. */
  undo(): boolean {
    if (this.#timer === undefined) return false;
    this.#timer.cancel();
    this.#timer = undefined;
    return true;
  }

  #batchSize(): number {
    return Math.max(BATCH_MIN, Math.ceil(this.#options.leavers().length / BATCHES));
  }

  #closeBatch(size: number): void {
    const { clock, random, leavers } = this.#options;
    for (const client of leavers().slice(0, size)) client.close();
    // Between half and one and a half intervals.
    const delayMs = BATCH_INTERVAL_MS * (0.5 + random.next());
    this.#timer = clock.setTimer(delayMs, () => this.#closeBatch(size));
  }
}
