import type { ApiFault, History } from '../model/types.ts';

/** The course of one metric over a window that ends now: means from the store, and live values after them. */
export class Course {
  readonly windowMs: number;
  #bucketMs = 1_000;
  #times: number[] = [];
  #values: number[] = [];
  /** Live values in the last bucket so far. */
  #tailCount = 1;
  #lastLiveMs = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  load(history: History): void {
    this.#bucketMs = history.bucketMs;
    this.#times = history.points.map(([time]) => time);
    this.#values = history.points.map(([, value]) => value);
    this.#tailCount = 1;
  }

  /** Takes a live value into the mean of its bucket, so that the tail looks like the rest. */
  append(value: number, tsMs: number): void {
    if (tsMs <= this.#lastLiveMs) return;
    this.#lastLiveMs = tsMs;
    const bucket = Math.floor(tsMs / this.#bucketMs) * this.#bucketMs;
    const last = this.#times.at(-1);
    if (last !== undefined && bucket < last) return;
    if (last !== undefined && bucket === last) {
      const index = this.#values.length - 1;
      this.#tailCount++;
      const mean = this.#values[index] as number;
      this.#values[index] = mean + (value - mean) / this.#tailCount;
      return;
    }
    this.#times.push(bucket);
    this.#values.push(value);
    this.#tailCount = 1;
    while ((this.#times[0] ?? bucket) < tsMs - this.windowMs) {
      this.#times.shift();
      this.#values.shift();
    }
  }

  get bucketMs(): number {
    return this.#bucketMs;
  }

  get isEmpty(): boolean {
    return this.#times.length === 0;
  }

  /** Times in s, as the chart wants them, with a null wherever readings are missing for long, so that no line lies. */
  data(): [number[], (number | null)[]] {
    const gapMs = Math.max(5 * this.#bucketMs, this.windowMs / 20);
    const times: number[] = [];
    const values: (number | null)[] = [];
    for (const [index, time] of this.#times.entries()) {
      const before = this.#times[index - 1];
      if (before !== undefined && time - before > gapMs) {
        times.push((before + this.#bucketMs) / 1_000);
        values.push(null);
      }
      times.push(time / 1_000);
      values.push(this.#values[index] as number);
    }
    return [times, values];
  }

  extent(): { low: number; high: number; mean: number } | undefined {
    if (this.isEmpty) return undefined;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    let sum = 0;
    for (const value of this.#values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
      sum += value;
    }
    return { low, high, mean: sum / this.#values.length };
  }
}

/** Asks the console for history; rejects with a sentence for a person. */
export async function fetchHistory(
  device: string,
  metric: string,
  sinceMs: number,
  points: number,
  signal: AbortSignal,
): Promise<History> {
  const search = new URLSearchParams({ device, metric, sinceMs: String(sinceMs), points: String(points) });
  const response = await fetch(`/api/history?${search}`, { signal });
  if (response.ok) return (await response.json()) as History;
  const fault = (await response.json()) as ApiFault;
  throw new Error(`${fault.message} ${fault.remedy}`);
}
