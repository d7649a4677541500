import { readFile } from 'node:fs/promises';
import { errnoOf, LatticeError, messageOf } from '../core/errors/index.ts';
import { writeFileAtomic } from '../core/files/index.ts';
import type { Clock, Timer } from '../core/time/index.ts';

/** A card wears out by writes; what is behind by this much only costs a check when the shim starts after a crash. */
const FLUSH_INTERVAL_MS = 5_000;

/**
 * The position behind the last reading that was acknowledged, in a file of its own. The log's cursor says as much only as
 * long as nothing is dropped: at the bound the log moves the cursor over what it drops, and a shim that starts then could
 * not tell readings that were published from readings that are lost.
 */
export class Published {
  readonly #path: string;
  readonly #clock: Clock;
  #position: number;
  #durable: number | undefined;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, clock: Clock, position: number, durable: number | undefined) {
    this.#path = path;
    this.#clock = clock;
    this.#position = position;
    this.#durable = durable;
  }

  /**
   * Reads the file; one that is missing, damaged or of an earlier log (beyond the cursor) starts at the cursor.
   * Rejects with DISK_FAILED.
   */
  static async open(path: string, cursorPosition: number, clock: Clock): Promise<Published> {
    const found = await readPosition(path);
    const isKnown = found !== undefined && found <= cursorPosition;
    const published = new Published(path, clock, isKnown ? found : cursorPosition, isKnown ? found : undefined);
    await published.flush();
    return published;
  }

  get position(): number {
    return this.#position;
  }

  advance(position: number): void {
    if (position <= this.#position) return;
    this.#position = position;
    this.#timer ??= this.#clock.setTimer(FLUSH_INTERVAL_MS, () => {
      this.#timer = undefined;
      // Tried again with the next advance, and at the end. Until then the file is only behind.
      this.flush().catch(() => {});
    });
  }

  /** Makes the position durable. Rejects with DISK_FAILED. */
  flush(): Promise<void> {
    const written = this.#writing.then(() => this.#write());
    this.#writing = written.catch(() => {});
    return written;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.flush();
  }

  async #write(): Promise<void> {
    const position = this.#position;
    if (position === this.#durable) return;
    try {
      await writeFileAtomic(this.#path, `${position}\n`);
    } catch (error) {
      throw new LatticeError('DISK_FAILED', `${this.#path}: ${messageOf(error)}.`, { cause: error });
    }
    this.#durable = position;
  }
}

async function readPosition(path: string): Promise<number | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new LatticeError('DISK_FAILED', `${path}: ${messageOf(error)}.`, { cause: error });
  }
}
