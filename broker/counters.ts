import * as hdr from 'hdr-histogram-js';

const US_PER_MS = 1_000;
const COMMIT_US_MAX = 60_000_000;

/** What a broker counts of itself since it started. */
export class Counters {
  published = 0;
  delivered = 0;
  refused = 0;
  dropped = 0;
  readonly #windows: hdr.Histogram[];

  /** Commit latency is kept over the windows given, of which the oldest is cleared by each rotate(). */
  constructor(windows: number) {
    this.#windows = Array.from({ length: windows }, () =>
      hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: COMMIT_US_MAX, numberOfSignificantValueDigits: 2 }),
    );
  }

  committed(tookMs: number): void {
    this.#windows[0]?.recordValue(Math.min(COMMIT_US_MAX, Math.max(1, Math.round(tookMs * US_PER_MS))));
  }

  /** p99 over all windows, ms; 0 when nothing was committed. */
  commitP99Ms(): number {
    const [first, ...others] = this.#windows;
    if (first === undefined) return 0;
    const sum = hdr.build({ highestTrackableValue: COMMIT_US_MAX, numberOfSignificantValueDigits: 2 });
    for (const window of [first, ...others]) sum.add(window);
    return sum.totalCount === 0 ? 0 : sum.getValueAtPercentile(99) / US_PER_MS;
  }

  rotate(): void {
    const oldest = this.#windows.pop();
    if (oldest === undefined) return;
    oldest.reset();
    this.#windows.unshift(oldest);
  }
}
