export interface ProbeLimits {
  /** A reply that takes longer counts for nothing. */
  timeoutMs: number;
  /** Probes that wait for their replies, of all peers; one more is not sent. */
  outstandingMax: number;
  /** Probes that are over and still remembered, so that what comes for them later can be named. */
  settledMax: number;
  /** Of one burst; what is asked for beyond it is not sent. */
  burstProbesMax: number;
  /** Lives of peers whose sequences are remembered; the one that was silent longest is forgotten first. */
  replayWindowsMax: number;
  /** A peer's probes that are answered; as many may come at once. */
  probesPerSMax: number;
  /**
   * A packet may have waited so long for the event loop before it was stamped, by the loop's own account. Work on one packet takes a
   * few tenths of a millisecond when its code is cold; probes 2 ms apart lose some percent with 1, a third of those 1 ms apart.
   */
  lagMsMax: number;
  /** Kinds of refusals that are kept for the status page; the oldest goes first. */
  refusalsKeptMax: number;
}

export const PROBE_LIMITS: ProbeLimits = {
  timeoutMs: 1_000,
  outstandingMax: 256,
  settledMax: 1_024,
  burstProbesMax: 64,
  replayWindowsMax: 64,
  probesPerSMax: 200,
  lagMsMax: 1,
  refusalsKeptMax: 32,
};
