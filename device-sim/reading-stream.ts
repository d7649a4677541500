import { encodeReading } from '../core/wire/index.ts';
import type { Stamp } from './clock/index.ts';
import type { DevicePlan } from './plan.ts';

/** The readings of one device one after another, with when each is due. The same on the network and in virtual time. */
export class ReadingStream {
  readonly #plan: DevicePlan;
  readonly #boot: string;
  #seq = 0;
  #nextDueMs: number;

  constructor(plan: DevicePlan, boot: string) {
    this.#plan = plan;
    this.#boot = boot;
    this.#nextDueMs = plan.firstDueMs;
  }

  /** When the next reading is due, ms after the fleet's start. */
  get nextDueMs(): number {
    return this.#nextDueMs;
  }

  /** Makes the reading that is due. */
  take({ tsMs, timeQuality }: Stamp): { seq: number; payload: string } {
    const seq = ++this.#seq;
    // Values follow the nominal time, so that they depend on the seed alone and not on how late a timer was.
    const nominalMs = this.#plan.firstDueMs + (seq - 1) * this.#plan.intervalMs;
    const metrics = this.#plan.generator(nominalMs);
    this.#nextDueMs += this.#plan.intervalMs;
    const payload = encodeReading({ tsMs: Math.round(tsMs), seq, boot: this.#boot, timeQuality, metrics });
    return { seq, payload };
  }

  /**
   * Leaves out what the process could not make in time (it was suspended, say), instead of making it up in one burst with
   * stamps that would all be now.
   */
  skipBefore(elapsedMs: number): void {
    if (this.#nextDueMs < elapsedMs - this.#plan.intervalMs) this.#nextDueMs = elapsedMs;
  }
}

const BOOT_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const BOOT_LENGTH = 8;

/** An id for one life of a device. */
export function bootId(random: { below(bound: number): number }): string {
  return Array.from({ length: BOOT_LENGTH }, () => BOOT_ALPHABET[random.below(BOOT_ALPHABET.length)]).join('');
}
