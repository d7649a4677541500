import { SetHash } from '../set-hash.ts';
import type { FilterChanges } from './filter-cover.ts';
import { type InterestFrame, interestFrames } from './frame.ts';

/** What this broker tells the others of its filters. Version 1 is the empty set. */
export class OwnInterest {
  readonly #own: { node: string; boot: string };
  readonly #filters = new Set<string>();
  readonly #hash = new SetHash();
  #version = 1;

  constructor(own: { node: string; boot: string }) {
    this.#own = own;
  }

  get version(): number {
    return this.#version;
  }

  get hash(): string {
    return this.#hash.hex;
  }

  /** The frames of a new version, to be flooded; none when the changes change nothing. */
  update(changes: FilterChanges): InterestFrame[] {
    const remove: string[] = [];
    const add: string[] = [];
    for (const filter of changes.remove) {
      if (!this.#filters.delete(filter)) continue;
      this.#hash.remove(filter);
      remove.push(filter);
    }
    for (const filter of changes.add) {
      if (this.#filters.has(filter)) continue;
      this.#filters.add(filter);
      this.#hash.add(filter);
      add.push(filter);
    }
    if (add.length === 0 && remove.length === 0) return [];
    const base = this.#version;
    this.#version += 1;
    return this.#frames(base, { add, remove });
  }

  /** All filters; the answer to a pull. */
  snapshot(): InterestFrame[] {
    return this.#frames(0, { add: this.#filters, remove: [] });
  }

  #frames(base: number, change: { add: Iterable<string>; remove: Iterable<string> }): InterestFrame[] {
    return interestFrames({ ...this.#own, version: this.#version, base, hash: this.hash }, change);
  }
}
