/** RFC 6298, 2.3: alpha. */
const GAIN = 1 / 8;

/** The round trip of one connection by its pings, in ms. */
export class RoundTrip {
  readonly #sentAtMs = new Map<number, number>();
  #lastId = 0;
  smoothedMs: number | undefined;
  minMs: number | undefined;

  /** The id of a ping that leaves now. Pings are few: the connection is given up when they stay without an answer. */
  ping(nowMs: number): number {
    this.#lastId += 1;
    this.#sentAtMs.set(this.#lastId, nowMs);
    return this.#lastId;
  }

  /** False when no such ping is under way. */
  pong(id: number, nowMs: number): boolean {
    const sentAtMs = this.#sentAtMs.get(id);
    if (sentAtMs === undefined) return false;
    this.#sentAtMs.delete(id);
    const sampleMs = nowMs - sentAtMs;
    this.smoothedMs = this.smoothedMs === undefined ? sampleMs : this.smoothedMs + GAIN * (sampleMs - this.smoothedMs);
    this.minMs = Math.min(this.minMs ?? sampleMs, sampleMs);
    return true;
  }
}
