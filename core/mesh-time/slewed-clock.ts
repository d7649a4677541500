import { type Line, PPM, reanchored, shownAt } from './line.ts';

/**
 * What the time of the mesh is told against: nothing yet (`none`: the machine's own wall clock, for want of better), the other
 * gateways alone (`relative`), or UTC by a reference outside (`absolute`).
 */
export type TimeKind = 'none' | 'relative' | 'absolute';

/** A reading of the mesh's time. The truth lies within ms ± uncertaintyMs. */
export interface MeshTime {
  /** Milliseconds since 1970-01-01 UTC, with fractions. */
  ms: number;
  uncertaintyMs: number;
}

/** How well a target line is known: uncertaintyMs at the line's atMs, and how that grows. */
export interface Quality {
  kind: TimeKind;
  uncertaintyMs: number;
  /** By the ms for each ms, in ppm: what is not known of the rate. */
  growthPpm: number;
  /** How fast the rate itself may change, in ppm for each second: crystals warm up. */
  wanderPpmPerS: number;
}

export interface SlewOptions {
  /** The clock's rate, all corrections included, stays within 1 ± this. */
  ratePpmMax: number;
  /** An error is made up for within about so long, if the rate allows. */
  horizonMs: number;
}

export const SLEW_DEFAULTS: SlewOptions = { ratePpmMax: 500, horizonMs: 4_000 };

/** A part of the rate is kept free for making up for errors, however fast or slow the crystal is. */
const SLEW_PPM_MIN = 50;
/** Nothing is known of a clock that was never set by others. */
const UNKNOWN_MS = Number.POSITIVE_INFINITY;

/** One stretch of the clock: until slewUntilMs it goes by rate + slew, then by rate. */
export interface Stretch extends Line {
  slew: number;
  slewUntilMs: number;
}

/** What a stretch shows at a moment. */
export function stretchAt({ atMs, shownMs, rate, slew, slewUntilMs }: Stretch, monotonicMs: number): number {
  const slewedMs = Math.min(monotonicMs, slewUntilMs) - atMs;
  return shownMs + (monotonicMs - atMs) * rate + slewedMs * slew;
}

/**
 * The virtual clock of a node: mesh time = base + rate x monotonic. It follows a target line by its rate alone, so it never goes
 * backwards and never jumps (Cristian 1989; RFC 5905 calls it slewing); only `step` sets it. Pure: every moment is passed in, by
 * the monotonic clock, and never goes backwards.
 */
export class SlewedClock {
  readonly #options: SlewOptions;
  #stretch: Stretch;
  #target: Line;
  #quality: Quality;
  /** Times that it was set. */
  steps = 0;

  /** Starts by the wall clock, of which nothing is known. */
  constructor(start: { monotonicMs: number; wallMs: number; rate?: number }, options: SlewOptions = SLEW_DEFAULTS) {
    this.#options = options;
    this.#target = { atMs: start.monotonicMs, shownMs: start.wallMs, rate: this.#bounded(start.rate ?? 1) };
    this.#stretch = { ...this.#target, slew: 0, slewUntilMs: start.monotonicMs };
    this.#quality = { kind: 'none', uncertaintyMs: UNKNOWN_MS, growthPpm: 0, wanderPpmPerS: 0 };
  }

  at(monotonicMs: number): MeshTime {
    const ms = stretchAt(this.#stretch, monotonicMs);
    return {
      ms,
      uncertaintyMs: this.targetUncertaintyMs(monotonicMs) + Math.abs(shownAt(this.#target, monotonicMs) - ms),
    };
  }

  /** Of the line that it follows, without what the clock itself is still behind. */
  targetUncertaintyMs(monotonicMs: number): number {
    const { uncertaintyMs, growthPpm, wanderPpmPerS } = this.#quality;
    const ageMs = Math.max(0, monotonicMs - this.#target.atMs);
    return uncertaintyMs + ageMs * growthPpm * PPM + (ageMs * ageMs * wanderPpmPerS * PPM) / 2_000;
  }

  get kind(): TimeKind {
    return this.#quality.kind;
  }

  get quality(): Quality {
    return this.#quality;
  }

  get target(): Line {
    return this.#target;
  }

  /** As it goes now, for whoever wants to know what it shows at other moments. */
  get stretch(): Stretch {
    return this.#stretch;
  }

  /** How much faster than the monotonic clock the mesh's time goes, in ppm, without what makes up for errors. */
  get frequencyPpm(): number {
    return (this.#target.rate - 1) / PPM;
  }

  /** What it is behind its target, in ms; it is being made up for. */
  behindMs(monotonicMs: number): number {
    return shownAt(this.#target, monotonicMs) - stretchAt(this.#stretch, monotonicMs);
  }

  /** Goes towards the line from now on. */
  follow(target: Line, quality: Quality, monotonicMs: number): void {
    this.#setTarget(target, quality, monotonicMs);
    const shownMs = stretchAt(this.#stretch, monotonicMs);
    const { rate } = this.#target;
    const behindMs = shownAt(this.#target, monotonicMs) - shownMs;
    const { ratePpmMax, horizonMs } = this.#options;
    const limit = ratePpmMax * PPM;
    const slew = Math.min(1 + limit - rate, Math.max(1 - limit - rate, behindMs / horizonMs));
    const slewUntilMs = slew === 0 ? monotonicMs : monotonicMs + behindMs / slew;
    this.#stretch = { atMs: monotonicMs, shownMs, rate, slew, slewUntilMs };
  }

  /** Sets the clock to the line, backwards if need be: at a start, or because a person says so. */
  step(target: Line, quality: Quality, monotonicMs: number): void {
    this.steps += 1;
    this.#setTarget(target, quality, monotonicMs);
    this.#stretch = { ...this.#target, slew: 0, slewUntilMs: monotonicMs };
  }

  #setTarget(target: Line, quality: Quality, monotonicMs: number): void {
    const ageMs = Math.max(0, monotonicMs - target.atMs);
    this.#target = { ...reanchored(target, monotonicMs), rate: this.#bounded(target.rate) };
    this.#quality = { ...quality, uncertaintyMs: quality.uncertaintyMs + ageMs * quality.growthPpm * PPM };
  }

  #bounded(rate: number): number {
    const limit = (this.#options.ratePpmMax - SLEW_PPM_MIN) * PPM;
    return Math.min(1 + limit, Math.max(1 - limit, rate));
  }
}
