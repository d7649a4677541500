import { build, type Histogram } from 'hdr-histogram-js';

const LATENCY_MS_MAX = 24 * 60 * 60_000;

/** Percentiles over the last one to two periods: one histogram is filled while the one before still counts. */
export class RecentLatency {
  #current = newHistogram();
  #previous = newHistogram();

  record(latencyMs: number): void {
    this.#current.recordValue(Math.min(LATENCY_MS_MAX, Math.max(0, Math.round(latencyMs))));
  }

  /** To be called once per period. */
  rotate(): void {
    [this.#previous, this.#current] = [this.#current, this.#previous];
    this.#current.reset();
  }

  percentiles(): { p50: number; p99: number } {
    const both = newHistogram();
    both.add(this.#previous);
    both.add(this.#current);
    return { p50: both.getValueAtPercentile(50), p99: both.getValueAtPercentile(99) };
  }
}

function newHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: LATENCY_MS_MAX, numberOfSignificantValueDigits: 2 });
}
