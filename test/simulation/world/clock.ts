import { Spells } from './spells.ts';

/** 2025-01-01, the true time at which every world begins. */
const WALL_START_MS = 1_735_689_600_000;

/**
 * The two clocks of one machine, which run too fast or too slow by the same rate, as they come from one crystal. Nobody in
 * the world sees true time, which is passed in.
 */
export class SimClock {
  #driftPpm = 0;
  /** What comes on top for a while; of several that overlap the worst in each direction. */
  readonly #fast = new Spells();
  readonly #slow = new Spells();
  /** True time, and what the clocks said then. */
  #anchorMs = 0;
  #monotonicAtAnchorMs = 0;
  #wallAtAnchorMs = WALL_START_MS;

  get driftPpm(): number {
    return this.#driftPpm + this.#fast.current - this.#slow.current;
  }

  monotonicMs(nowMs: number): number {
    return this.#monotonicAtAnchorMs + this.#passedMs(nowMs);
  }

  wallMs(nowMs: number): number {
    return this.#wallAtAnchorMs + this.#passedMs(nowMs);
  }

  /** How much true time passes while the clock goes on by so much. */
  trueMs(clockMs: number): number {
    return clockMs / (1 + this.driftPpm / 1e6);
  }

  setDrift(nowMs: number, ppm: number): void {
    this.#anchor(nowMs);
    this.#driftPpm = ppm;
  }

  /** Drifts by so much more; returns what ends it. */
  drift(nowMs: number, ppm: number): (nowMs: number) => void {
    this.#anchor(nowMs);
    const end = ppm < 0 ? this.#slow.begin(-ppm) : this.#fast.begin(ppm);
    return (endMs) => {
      this.#anchor(endMs);
      end();
    };
  }

  /** Somebody sets the wall clock. */
  stepWall(byMs: number): void {
    this.#wallAtAnchorMs += byMs;
  }

  /** Monotonic time counts from the start of a process. */
  startOver(nowMs: number): void {
    this.#anchor(nowMs);
    this.#monotonicAtAnchorMs = 0;
  }

  #anchor(nowMs: number): void {
    const passedMs = this.#passedMs(nowMs);
    this.#monotonicAtAnchorMs += passedMs;
    this.#wallAtAnchorMs += passedMs;
    this.#anchorMs = nowMs;
  }

  #passedMs(nowMs: number): number {
    return (nowMs - this.#anchorMs) * (1 + this.driftPpm / 1e6);
  }
}
