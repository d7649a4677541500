/** Callers that wait for a position to become durable. */
export class Waiters {
  readonly #waiting = new Set<{ position: number; resolve: () => void }>();

  /** Resolves when the durable position is above the position, when the signal aborts, or when the log closes. */
  wait(position: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const finish = (): void => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const waiter = { position, resolve: finish };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', finish, { once: true });
    });
  }

  wake(durablePosition: number): void {
    for (const waiter of this.#waiting) if (durablePosition > waiter.position) waiter.resolve();
  }

  wakeAll(): void {
    this.wake(Number.POSITIVE_INFINITY);
  }
}
