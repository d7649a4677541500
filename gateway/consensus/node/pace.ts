/** The election time-out is kept at this many times the longest silence of a leader that was alive. */
const SILENCES_PER_ELECTION = 3;
const STRETCH_MAX = 20;
/** How long a silence is remembered: one such period at least, two at most. */
const PERIOD_MS = 30_000;

/**
 * How long a tick is. Time-outs are counted in ticks, so that a network, a disk or an event loop that is slow gets elections that are as
 * patient: a follower measures how long its leader was silent though it lived, and stretches its ticks. A leader does not stretch
 * its own, since it has to be heard.
 */
export class Pace {
  readonly #tickMs: number;
  readonly #electionTicks: number;
  #leader: { term: number; lead: number } = { term: 0, lead: 0 };
  #heardMs: number | undefined;
  #periodStartMs = 0;
  #longestMs = 0;
  #longestBeforeMs = 0;

  constructor(tickMs: number, electionTicks: number) {
    this.#tickMs = tickMs;
    this.#electionTicks = electionTicks;
  }

  /** Something came from a leader. */
  heard(term: number, lead: number, nowMs: number): void {
    if (nowMs - this.#periodStartMs > PERIOD_MS) {
      this.#longestBeforeMs = this.#longestMs;
      this.#longestMs = 0;
      this.#periodStartMs = nowMs;
    }
    const isSame = this.#leader.term === term && this.#leader.lead === lead;
    if (isSame && this.#heardMs !== undefined) this.#longestMs = Math.max(this.#longestMs, nowMs - this.#heardMs);
    if (!isSame) this.#leader = { term, lead };
    this.#heardMs = nowMs;
  }

  tickMs(isLeader: boolean): number {
    if (isLeader) return this.#tickMs;
    const silenceMs = Math.max(this.#longestMs, this.#longestBeforeMs);
    const wantedMs = SILENCES_PER_ELECTION * silenceMs;
    return this.#tickMs * Math.min(STRETCH_MAX, Math.max(1, wantedMs / (this.#tickMs * this.#electionTicks)));
  }
}
