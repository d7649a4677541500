import { SLEW_DEFAULTS } from '../../../core/mesh-time/index.ts';
import type { MeshReading } from '../../../gateway/clock/index.ts';
import { type ClockFaults, SAMPLE_MS, type Sample } from './member-spec.ts';

/** Doubles of today's time in ms are a quarter of a microsecond apart. */
const ROUNDING_MS = 0.001;

/**
 * Reads a mesh clock whenever it is called: takes a sample for each multiple of SAMPLE_MS that has passed, and watches that the clock
 * goes forwards and at a rate that it may have.
 */
export class Sampler {
  readonly #meshAt: (monotonicMs: number) => MeshReading;
  readonly faults: ClockFaults = { backwards: 0, offRate: 0, worstMs: 0 };
  #samples: Sample[] = [];
  #nextMs: number;
  #last: { atMs: number; ms: number } | undefined;

  constructor(meshAt: (monotonicMs: number) => MeshReading, nowMs: number) {
    this.#meshAt = meshAt;
    this.#nextMs = Math.ceil(nowMs / SAMPLE_MS) * SAMPLE_MS;
  }

  get isSynchronised(): boolean {
    return this.#last !== undefined;
  }

  /** How long until there is a sample to take. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#nextMs - nowMs);
  }

  look(nowMs: number): void {
    const { ms, kind } = this.#meshAt(nowMs);
    if (kind === 'none') this.#last = undefined;
    else this.#watch(nowMs, ms);
    for (; this.#nextMs <= nowMs; this.#nextMs += SAMPLE_MS) {
      if (kind === 'none') continue;
      const then = this.#meshAt(this.#nextMs);
      this.#samples.push([this.#nextMs, then.ms, then.uncertaintyMs]);
    }
  }

  /** The samples since the last time. */
  take(): Sample[] {
    const taken = this.#samples;
    this.#samples = [];
    return taken;
  }

  #watch(atMs: number, ms: number): void {
    const last = this.#last;
    this.#last = { atMs, ms };
    if (last === undefined) return;
    const passedMs = atMs - last.atMs;
    const wentMs = ms - last.ms;
    const beyondMs = Math.abs(wentMs - passedMs) - (passedMs * SLEW_DEFAULTS.ratePpmMax) / 1e6 - ROUNDING_MS;
    if (wentMs < 0) this.faults.backwards += 1;
    if (beyondMs > 0) this.faults.offRate += 1;
    this.faults.worstMs = Math.max(this.faults.worstMs, beyondMs, -wentMs);
  }
}
