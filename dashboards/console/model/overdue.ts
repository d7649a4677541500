/** How long a reading may be on its way: a link that comes back delivers within seconds. */
const WINDOW_MS = 15_000;

/** The least of a count over the last seconds: what is missing all the time is not on its way. Times are monotonic ms. */
export class Overdue {
  #samples: { atMs: number; count: number }[] = [];

  add(count: number, nowMs: number): void {
    this.#samples.push({ atMs: nowMs, count });
    // One sample older than the window stays, so that the window is covered from its start.
    while ((this.#samples[1]?.atMs ?? nowMs) < nowMs - WINDOW_MS) this.#samples.shift();
  }

  /** 0 until the window has been watched for its whole length. */
  count(nowMs: number): number {
    const first = this.#samples[0];
    if (first === undefined || nowMs - first.atMs < WINDOW_MS) return 0;
    return Math.min(...this.#samples.map(({ count }) => count));
  }
}
