import type { Random } from '../../../core/random/index.ts';
import { type Fault, scheduleFaults } from '../world/faults/index.ts';
import type { World } from '../world/index.ts';
import type { Stored, Wire } from './types.ts';

const ISOLATED_MS = { min: 200, max: 600 };
const SLOW_MS = 1_000;
const SLOW_FACTOR = 50;
/** From the election to the power cut: in between, the first entry of the term gets to some of the disks. */
const LED_MS_MAX = 40;
const DOWN_MS = { min: 20, max: 120 };

/**
 * Troubles leaders as soon as they lead, so that there are entries that few members have: what each new leader does with those of
 * the ones before it is where Raft is subtle (Ongaro and Ousterhout 2014, figure 8). Faults that come at any time seldom hit it.
 */
export class Haunting {
  readonly #world: World<Wire, Stored>;
  readonly #random: Random;
  readonly #endMs: number;

  constructor(world: World<Wire, Stored>, random: Random, endMs: number) {
    this.#world = world;
    this.#random = random;
    this.#endMs = endMs;
  }

  leads(process: number): void {
    const atMs = this.#world.nowMs;
    const faults = this.#faults(process, atMs).filter(
      (fault) => 'forMs' in fault && fault.atMs + fault.forMs < this.#endMs,
    );
    scheduleFaults(this.#world, faults);
  }

  #faults(process: number, atMs: number): Fault[] {
    const faults: Fault[] = [];
    const roll = this.#random.next();
    if (roll < 0.4) faults.push({ kind: 'partition', atMs, side: [process], forMs: this.#between(ISOLATED_MS) });
    else if (roll < 0.8) {
      const cutMs = atMs + this.#random.next() * LED_MS_MAX;
      faults.push({ kind: 'crash', atMs: cutMs, process, powerCut: true, forMs: this.#between(DOWN_MS) });
    }
    if (this.#random.next() < 0.5) {
      faults.push({ kind: 'slowDisk', atMs, process, factor: SLOW_FACTOR, forMs: SLOW_MS });
    }
    return faults;
  }

  #between({ min, max }: { min: number; max: number }): number {
    return min + this.#random.below(max - min);
  }
}
