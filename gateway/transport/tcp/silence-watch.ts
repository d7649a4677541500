import { type Clock, repeat, type Timer } from '../../../core/time/index.ts';

/**
 * Notices that nothing is heard any more. It counts its own ticks without a sound rather than time: when this process itself
 * was stopped for a while, the first tick comes before what has arrived meanwhile is read, and must not call it silence.
 */
export class SilenceWatch {
  readonly #timer: Timer;
  #silentTicks = 0;

  constructor(clock: Clock, limits: { pingIntervalMs: number; silenceTimeoutMs: number }, events: SilenceWatchEvents) {
    const ticksMax = Math.max(1, Math.round(limits.silenceTimeoutMs / limits.pingIntervalMs));
    this.#timer = repeat(clock, limits.pingIntervalMs, () => {
      if (this.#silentTicks >= ticksMax) {
        this.stop();
        events.onSilence();
        return;
      }
      this.#silentTicks += 1;
      events.onTick?.();
    });
  }

  heard(): void {
    this.#silentTicks = 0;
  }

  stop(): void {
    this.#timer.cancel();
  }
}

interface SilenceWatchEvents {
  /** Time to send something that is answered. */
  onTick?: () => void;
  onSilence: () => void;
}
