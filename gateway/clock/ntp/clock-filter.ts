/** RFC 5905, NSTAGE. */
const SAMPLES_MAX = 8;

/** One exchange with a server. */
export interface NtpSample {
  /** When the reply came. */
  atMonotonicMs: number;
  /** UTC minus monotonic. */
  offsetMs: number;
  /** Round trip without what the server took; at least the precision of the two clocks. */
  delayMs: number;
  /** What precision and drift during the exchange add. */
  dispersionMs: number;
  /** The server's own distance from UTC, as it says: half its root delay plus its root dispersion. */
  serverDistanceMs: number;
  stratum: number;
  refid: number;
}

/**
 * The clock filter (RFC 5905, section 10): of the last eight samples the one with the shortest root distance now. A short round trip
 * leaves little room for asymmetry and has queued nowhere; a sample that ages loses by the drift that it may not have seen.
 */
export class ClockFilter {
  readonly #frequencyTolerancePpm: number;
  #samples: NtpSample[] = [];

  /** How far the monotonic clock may run wrong. RFC 5905 says 15 (PHI). */
  constructor(frequencyTolerancePpm: number) {
    this.#frequencyTolerancePpm = frequencyTolerancePpm;
  }

  /**
   * Half the round trip, the server's distance, and dispersion with its age: as far as the sample's offset may be from the truth at
   * nowMs, if the server tells the truth about itself.
   */
  rootDistanceMs(sample: NtpSample, nowMs: number): number {
    const ageMs = Math.max(0, nowMs - sample.atMonotonicMs);
    const driftMs = (ageMs * this.#frequencyTolerancePpm) / 1e6;
    return sample.delayMs / 2 + sample.dispersionMs + sample.serverDistanceMs + driftMs;
  }

  /**
   * Samples that cannot be true if this one is are dropped, since the server's clock or ours has been set meanwhile; returns how many.
   */
  add(sample: NtpSample): number {
    const nowMs = sample.atMonotonicMs;
    const reachMs = this.rootDistanceMs(sample, nowMs);
    const kept = this.#samples.filter(
      (older) => Math.abs(older.offsetMs - sample.offsetMs) <= this.rootDistanceMs(older, nowMs) + reachMs,
    );
    const dropped = this.#samples.length - kept.length;
    this.#samples = [...kept, sample].slice(-SAMPLES_MAX);
    return dropped;
  }

  best(nowMs: number): { sample: NtpSample; rootDistanceMs: number } | undefined {
    let best: { sample: NtpSample; rootDistanceMs: number } | undefined;
    for (const sample of this.#samples) {
      const rootDistanceMs = this.rootDistanceMs(sample, nowMs);
      if (best === undefined || rootDistanceMs <= best.rootDistanceMs) best = { sample, rootDistanceMs };
    }
    return best;
  }

  clear(): void {
    this.#samples = [];
  }
}
