/**
 * The two clocks of a process, and its timers, behind one interface.
 *
 * Monotonic time is for durations and deadlines; wall time is for stamps. They are never mixed: a difference of two
 * wall stamps is not a duration, since somebody may set the clock in between.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes backwards. For durations and timers. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC, as the machine believes; may jump. For stamps. */
  wallMs(): number;
  /** Calls back once after delayMs of monotonic time. */
  setTimer(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  /** Stops the timer; safe after it has fired, and safe twice. */
  cancel(): void;
}

/** Resolves after delayMs on the given clock, or at once when the signal aborts. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.setTimer(delayMs, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** Calls back every intervalMs, the next time counted from the end of the last call, until cancelled. */
export function repeat(clock: Clock, intervalMs: number, callback: () => void | Promise<void>): Timer {
  let cancelled = false;
  let timer: Timer;
  const arm = (): void => {
    timer = clock.setTimer(intervalMs, () => {
      void Promise.resolve(callback()).finally(() => {
        if (!cancelled) arm();
      });
    });
  };
  arm();
  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}
