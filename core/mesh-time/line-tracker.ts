import { type Line, PPM } from './line.ts';
import { type Point, weightedSlope } from './weighted-slope.ts';

/*
 * What another clock shows, as a line over our monotonic clock, learnt from messages there and back.
 *
 * A message that left at t1 of our clock and was stamped t2 on arrival says that the other clock showed less than t2 at t1, since it
 * took time: an upper bound of its offset. The answer says the converse: a lower bound. The bounds of the two directions are kept
 * apart, the tightest of each slot of time, and carried to the present with the rate that a regression over the best exchange of each slot
 * gives, loosened by what is not known of that rate: every line that passes between all upper and all lower bounds is possible, and the
 * steepest and the flattest of them limit it (as Moon, Skelly and Towsley, 1999). The truth lies between the tightest upper and the
 * tightest lower bound; the middle is the estimate, half the width its uncertainty. That is the minimum filter of NTP (RFC 5905,
 * section 10) for each direction by itself, with Marzullo's intervals (1984): it makes no assumption on how delays are
 * distributed, and an asymmetric path shows as width.
 */

export interface TrackerOptions {
  /** Bounds are gathered in slots of so long; the tightest of each is kept. */
  slotMs: number;
  /** How many slots are remembered. */
  slots: number;
  /** How far the rates of two clocks may be apart before anything is known: twice what one crystal may be off. */
  skewPpmMax: number;
  /** How far a rate may wander within the window. */
  wanderPpm: number;
}

export const TRACKER_DEFAULTS: TrackerOptions = { slotMs: 1_000, slots: 64, skewPpmMax: 400, wanderPpm: 0.5 };

/** One message there and back. t1, t4 by our monotonic clock; t2, t3 by the clock that is asked; in ms. */
export interface Exchange {
  t1Ms: number;
  t2Ms: number;
  t3Ms: number;
  t4Ms: number;
}

export interface Estimate {
  line: Line;
  /** At line.atMs; the truth lies within. At least half the smallest round trip. */
  uncertaintyMs: number;
  /** By how much it grows with each ms that passes, in ppm. */
  rateUncertaintyPpm: number;
  /** The smallest round trip of the window. */
  roundTripMsMin: number;
  /** When the newest sample was taken. */
  sampledAtMs: number;
  /** Samples in the window, and the slots of time that they lie in. */
  samples: number;
  slots: number;
}

interface Slot {
  startMs: number;
  samples: number;
  upper: { atMs: number; offsetMs: number };
  lower: { atMs: number; offsetMs: number };
  best: Point & { roundTripMs: number };
}

/** Below this a sample's own noise (stamping) rules. */
const NOISE_MS = 0.005;

export class LineTracker {
  readonly #options: TrackerOptions;
  /** Oldest first. */
  #slots: Slot[] = [];
  #sampledAtMs = 0;
  /** Offsets are kept relative to the first, which may be a whole epoch away, so that no digits are lost. */
  #base: number | undefined;
  /** The rate that the last regression gave, and what is not known of it. */
  #rate: { skew: number; uncertainty: number };
  /** Samples that could not be: an answer before the question, a negative round trip. */
  impossible = 0;
  /** Times that the bounds contradicted each other: the other clock was set, or a clock changed its rate at once. */
  contradictions = 0;

  constructor(options: TrackerOptions = TRACKER_DEFAULTS) {
    this.#options = options;
    this.#rate = this.#unknownRate();
  }

  /** Takes an exchange; `uncertaintyMs` is what the other end does not know of the clock that it stamps by. */
  addExchange({ t1Ms, t2Ms, t3Ms, t4Ms }: Exchange, uncertaintyMs = 0): void {
    const roundTripMs = t4Ms - t1Ms - (t3Ms - t2Ms);
    if (!(t4Ms >= t1Ms && t3Ms >= t2Ms && roundTripMs >= -NOISE_MS)) {
      this.impossible += 1;
      return;
    }
    this.#base ??= t2Ms - t1Ms;
    this.#add(
      { atMs: t1Ms, offsetMs: t2Ms - t1Ms - this.#base + uncertaintyMs },
      { atMs: t4Ms, offsetMs: t3Ms - t4Ms - this.#base - uncertaintyMs },
    );
  }

  /** Takes what a source says by itself: at atMs the other clock shows shownMs, give or take. */
  addReading(atMs: number, shownMs: number, uncertaintyMs: number): void {
    this.#base ??= shownMs - atMs;
    const offsetMs = shownMs - atMs - this.#base;
    this.#add({ atMs, offsetMs: offsetMs + uncertaintyMs }, { atMs, offsetMs: offsetMs - uncertaintyMs });
  }

  forget(): void {
    this.#slots = [];
    this.#base = undefined;
    this.#rate = this.#unknownRate();
  }

  /** The line as it looks from nowMs; undefined before the first sample. */
  estimate(nowMs: number): Estimate | undefined {
    if (this.#base === undefined || this.#slots.length === 0) return undefined;
    const { skew, uncertainty } = this.#rate;
    let upper = Number.POSITIVE_INFINITY;
    let lower = Number.NEGATIVE_INFINITY;
    let roundTripMsMin = Number.POSITIVE_INFINITY;
    let samples = 0;
    for (const slot of this.#slots) {
      upper = Math.min(upper, carried(slot.upper, nowMs, skew, uncertainty));
      lower = Math.max(lower, carried(slot.lower, nowMs, skew, -uncertainty));
      roundTripMsMin = Math.min(roundTripMsMin, slot.best.roundTripMs);
      samples += slot.samples;
    }
    if (upper < lower - NOISE_MS) {
      this.#contradicted();
      return this.estimate(nowMs);
    }
    const offsetMs = (upper + lower) / 2;
    return {
      line: { atMs: nowMs, shownMs: nowMs + this.#base + offsetMs, rate: 1 + skew },
      uncertaintyMs: Math.max((upper - lower) / 2, roundTripMsMin / 2) + NOISE_MS,
      rateUncertaintyPpm: uncertainty / PPM,
      roundTripMsMin,
      sampledAtMs: this.#sampledAtMs,
      samples,
      slots: this.#slots.length,
    };
  }

  #add(upper: Slot['upper'], lower: Slot['lower']): void {
    const roundTripMs = Math.max(0, upper.offsetMs - lower.offsetMs);
    const middle = (upper.atMs + lower.atMs) / 2;
    const best = {
      atMs: middle,
      value: (upper.offsetMs + lower.offsetMs) / 2,
      sigma: 0,
      roundTripMs,
    };
    this.#sampledAtMs = Math.max(this.#sampledAtMs, lower.atMs);
    const last = this.#slots.at(-1);
    if (last === undefined || lower.atMs >= last.startMs + this.#options.slotMs) {
      this.#closeSlot();
      this.#slots.push({ startMs: lower.atMs, samples: 1, upper, lower, best });
      return;
    }
    last.samples += 1;
    // Within a slot the rate as it is known is good enough to compare bounds by.
    const { skew } = this.#rate;
    if (carried(upper, lower.atMs, skew, 0) < carried(last.upper, lower.atMs, skew, 0)) last.upper = upper;
    if (carried(lower, lower.atMs, skew, 0) > carried(last.lower, lower.atMs, skew, 0)) last.lower = lower;
    if (best.roundTripMs < last.best.roundTripMs) last.best = best;
  }

  #closeSlot(): void {
    if (this.#slots.length >= this.#options.slots) this.#slots.shift();
    this.#fit();
  }

  #fit(): void {
    const { skewPpmMax, wanderPpm } = this.#options;
    const limit = skewPpmMax * PPM;
    const possible = possibleSkews(this.#slots, limit);
    const least = Math.min(...this.#slots.map(({ best }) => best.roundTripMs));
    // Half of what a round trip takes beyond the least may lie in one direction alone.
    const points = this.#slots.map(({ best }) => ({ ...best, sigma: NOISE_MS + (best.roundTripMs - least) / 2 }));
    const slope = weightedSlope(points);
    if (slope === undefined || possible === undefined) {
      this.#rate = this.#unknownRate();
      return;
    }
    const skew = Math.min(possible.most, Math.max(possible.least, slope));
    const uncertainty = Math.max(possible.most - skew, skew - possible.least) + wanderPpm * PPM;
    this.#rate = { skew, uncertainty };
  }

  /** Forgets the older half, so that what holds now is followed soon; in the end only the newest slot is left. */
  #contradicted(): void {
    this.contradictions += 1;
    const newest = this.#slots.at(-1);
    this.#slots = this.#slots.slice(Math.ceil(this.#slots.length / 2));
    if (this.#slots.length === 0 && newest !== undefined) {
      // Even within a slot: keep its best exchange alone.
      const { best } = newest;
      const bound = { atMs: best.atMs, offsetMs: best.value };
      const half = best.roundTripMs / 2;
      this.#slots = [
        {
          ...newest,
          upper: { ...bound, offsetMs: best.value + half },
          lower: { ...bound, offsetMs: best.value - half },
        },
      ];
    }
    this.#rate = this.#unknownRate();
    this.#fit();
  }

  #unknownRate(): { skew: number; uncertainty: number } {
    return { skew: 0, uncertainty: this.#options.skewPpmMax * PPM };
  }
}

/** A bound at another moment: moved by the skew, loosened by what is not known of it. */
function carried(bound: { atMs: number; offsetMs: number }, atMs: number, skew: number, loosening: number): number {
  const passedMs = atMs - bound.atMs;
  return bound.offsetMs + passedMs * skew + Math.abs(passedMs) * loosening;
}

/** The rates of the lines that keep to all bounds; undefined when there is none within the limit. */
function possibleSkews(slots: readonly Slot[], limit: number): { least: number; most: number } | undefined {
  let least = -limit;
  let most = limit;
  for (let later = 1; later < slots.length; later++) {
    const { upper: laterUpper, lower: laterLower } = slots[later] as Slot;
    for (let earlier = 0; earlier < later; earlier++) {
      const { upper, lower } = slots[earlier] as Slot;
      least = Math.max(least, (laterLower.offsetMs - upper.offsetMs - NOISE_MS) / (laterLower.atMs - upper.atMs));
      most = Math.min(
        most,
        (laterUpper.offsetMs - lower.offsetMs + NOISE_MS) / Math.max(NOISE_MS, laterUpper.atMs - lower.atMs),
      );
    }
  }
  return least <= most ? { least, most } : undefined;
}
