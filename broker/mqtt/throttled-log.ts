import type { Logger } from 'pino';
import type { Clock } from '../../core/time/index.ts';

const WINDOW_MS = 10_000;
const LINES_PER_WINDOW = 10;
const KEYS_MAX = 1_000;

interface Window {
  sinceMs: number;
  lines: number;
  suppressed: number;
}

/**
 * Warnings that strangers can cause at will: ten lines in ten seconds for each code and address. The others are counted,
 * and the first line of the next window says how many there were.
 */
export class ThrottledLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  warn(fields: { code: string; address: string } & Record<string, unknown>, message: string): void {
    const key = `${fields.code} ${fields.address}`;
    const nowMs = this.#clock.monotonicMs();
    let window = this.#windows.get(key);
    if (window !== undefined && nowMs - window.sinceMs < WINDOW_MS) {
      window.lines += 1;
      if (window.lines > LINES_PER_WINDOW) {
        window.suppressed += 1;
        return;
      }
      this.#log.warn(fields, message);
      return;
    }
    const suppressed = window?.suppressed ?? 0;
    this.#windows.delete(key);
    if (this.#windows.size >= KEYS_MAX) this.#forgetOldest();
    window = { sinceMs: nowMs, lines: 1, suppressed: 0 };
    this.#windows.set(key, window);
    this.#log.warn(suppressed === 0 ? fields : { ...fields, suppressed }, message);
  }

  #forgetOldest(): void {
    const [oldest] = this.#windows.keys();
    if (oldest !== undefined) this.#windows.delete(oldest);
  }
}
