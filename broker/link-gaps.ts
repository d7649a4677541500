import type { Clock } from '../core/time/index.ts';
import type { LinkGap } from '../core/wire/index.ts';

export interface LinkGapsOptions {
  brokerId: string;
  clock: Clock;
  publish: (gap: LinkGap) => void;
}

/** Gathers what was given up for other brokers, so that a flood of drops is told of in a few messages. */
export class LinkGaps {
  readonly #options: LinkGapsOptions;
  /** By destination and cause: as many as the mesh has brokers, at most, for each cause. */
  readonly #waiting = new Map<string, LinkGap>();

  constructor(options: LinkGapsOptions) {
    this.#options = options;
  }

  note(to: string, cause: string, count: number): void {
    const { brokerId: node, clock } = this.#options;
    const nowMs = Math.round(clock.wallMs());
    const key = `${cause} ${to}`;
    const gap = this.#waiting.get(key);
    if (gap === undefined) {
      this.#waiting.set(key, { node, to, cause, count, fromMs: nowMs, toMs: nowMs });
      return;
    }
    gap.count += count;
    // The wall clock may have gone back.
    gap.toMs = Math.max(gap.toMs, nowMs);
  }

  /** Publishes what was noted since the last time. */
  tell(): void {
    const gaps = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const gap of gaps) this.#options.publish(gap);
  }
}
