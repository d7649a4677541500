import { type Clock, systemClock, type Timer } from '../../core/time/index.ts';

/** A clock whose wall time, and nothing else, is wrong by aheadMs. */
export class ShiftedClock implements Clock {
  readonly #clock: Clock;
  aheadMs: number;

  constructor(aheadMs: number, clock: Clock = systemClock) {
    this.aheadMs = aheadMs;
    this.#clock = clock;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    return this.#clock.wallMs() + this.aheadMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.#clock.setTimer(delayMs, callback);
  }
}
