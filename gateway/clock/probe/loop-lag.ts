/** epoll may return at once and still be booked as a moment of idleness; after more than this the loop has truly slept. */
const SLEEP_MS_MIN = 0.05;

/**
 * How long a datagram may have waited for the event loop before it was stamped.
 *
 * Datagrams queue in the kernel while the loop does something else, and do not say since when. But the loop sleeps only while
 * nothing waits: a datagram came after the last sleep began. So it waited at most as long as the loop was busy since that sleep
 * ended, which follows from the loop's own account of its idle time. Every callback of the thread is to be told, at
 * its start and end. What the kernel's scheduler withholds from a thread that sleeps cannot be seen.
 */
export class LoopLag {
  #idleMs = 0;
  #leftMs = 0;
  /** Not before this did the loop wake from its last sleep. */
  #wokeMs: number;

  constructor(nowMs: number) {
    this.#wokeMs = nowMs;
    this.#leftMs = nowMs;
  }

  /**
   * At the start of a callback: the greatest time, in ms, that what it was called for may have waited. `idleMs` is what the loop
   * was idle in all (eventLoopUtilization().idle).
   */
  enter(nowMs: number, idleMs: number): number {
    const sleptMs = idleMs - this.#idleMs;
    this.#idleMs = idleMs;
    // How the time that it was awake between two callbacks is divided by the sleep is not known: all of it is taken.
    if (sleptMs >= SLEEP_MS_MIN) this.#wokeMs = Math.min(nowMs, this.#leftMs + sleptMs);
    return nowMs - this.#wokeMs;
  }

  /** At its end. */
  leave(nowMs: number): void {
    this.#leftMs = nowMs;
  }
}
