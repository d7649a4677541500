const BUCKET_MS = 1_000;
const BUCKETS = 10;

/** Events per second over the last ten whole seconds, in constant space. Times are monotonic ms. */
export class RateMeter {
  readonly #counts = new Float64Array(BUCKETS + 1);
  #bucket: number | undefined;
  #firstBucket = 0;

  add(nowMs: number): void {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    this.#advance(bucket);
    const slot = bucket % this.#counts.length;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
  }

  perS(nowMs: number): number {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    this.#advance(bucket);
    const seconds = Math.min(BUCKETS, bucket - this.#firstBucket);
    if (seconds === 0) return 0;
    // The bucket that is still filling does not count.
    const current = bucket % this.#counts.length;
    let sum = 0;
    for (const [slot, count] of this.#counts.entries()) if (slot !== current) sum += count;
    return (sum * 1_000) / (seconds * BUCKET_MS);
  }

  #advance(bucket: number): void {
    if (this.#bucket === undefined) {
      this.#bucket = bucket;
      this.#firstBucket = bucket;
      return;
    }
    const steps = Math.min(bucket - this.#bucket, this.#counts.length);
    for (let step = 1; step <= steps; step++) this.#counts[(bucket - steps + step) % this.#counts.length] = 0;
    this.#bucket = Math.max(bucket, this.#bucket);
  }
}

/** The rate of a counter that somebody else keeps and that starts again at 0 when its process does. */
export class CounterRate {
  #last: { total: number; atMs: number } | undefined;
  #perS: number | null = null;

  /** Takes a new reading of the counter and returns the rate per second since the last one; null when there is none. */
  update(total: number, atMs: number): number | null {
    const last = this.#last;
    if (last !== undefined && atMs <= last.atMs) return this.#perS;
    this.#perS = last === undefined || total < last.total ? null : ((total - last.total) * 1_000) / (atMs - last.atMs);
    this.#last = { total, atMs };
    return this.#perS;
  }
}
