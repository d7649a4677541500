import { z } from 'zod';
import { PPM } from '../../core/mesh-time/index.ts';
import type { Clock, Timer } from '../../core/time/index.ts';

/** What is wrong with a device's clock; its plan keeps it, so the truth can be told from its stamps. */
export const clockFaultSchema = z.strictObject({
  /** What its wall clock is ahead when the fleet starts. */
  offsetMs: z.number().min(-1e12).max(1e12).default(0),
  /** How much faster than the truth it goes. Crystals are off by 100 or less. */
  ppm: z.number().min(-300).max(300).default(0),
});
export type ClockFault = z.infer<typeof clockFaultSchema>;

/** What a wall clock with the fault is ahead after so long, in ms. */
export function aheadMs({ offsetMs, ppm }: ClockFault, elapsedMs: number): number {
  return offsetMs + elapsedMs * ppm * PPM;
}

/** A machine's clocks with a fault. Timers go by the truth: nobody sees the difference. */
export class FaultyClock implements Clock {
  readonly #clock: Clock;
  readonly #fault: ClockFault;
  readonly #startedMs: number;

  constructor(clock: Clock, fault: ClockFault) {
    this.#clock = clock;
    this.#fault = fault;
    this.#startedMs = clock.monotonicMs();
  }

  monotonicMs(): number {
    const elapsedMs = this.#elapsedMs();
    return this.#startedMs + elapsedMs * (1 + this.#fault.ppm * PPM);
  }

  wallMs(): number {
    return this.#clock.wallMs() + aheadMs(this.#fault, this.#elapsedMs());
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.#clock.setTimer(delayMs, callback);
  }

  #elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#startedMs;
  }
}
