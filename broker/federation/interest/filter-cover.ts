import { parseShareFilter } from '../../../core/wire/index.ts';
import { FilterTree } from '../../filters/index.ts';
import { isPrivate } from '../private-topics.ts';

/** Difference between two sets of filters. */
export interface FilterChanges {
  add: string[];
  remove: string[];
}

/**
 * The fewest of the local filters that together match what all of them match: a filter that another one covers is left out
 * (`a/b` beside `a/#`). Filters are counted, so each is removed as often as it was added.
 *
 * `$share/{group}/{filter}` is never left out, since its members are found by its very text. A shard's filters are covered
 * by others of that shard and of `$shard/+/`. `$SYS` never enters.
 */
export class FilterCover {
  readonly #counts = new Map<string, number>();
  readonly #tree = new FilterTree<string>();
  readonly #cover = new Set<string>();
  readonly #added = new Set<string>();
  readonly #removed = new Set<string>();

  /** The cover as it is now. */
  get filters(): ReadonlySet<string> {
    return this.#cover;
  }

  add(filter: string): void {
    if (isPrivate(parseShareFilter(filter)?.filter ?? filter)) return;
    const count = this.#counts.get(filter) ?? 0;
    this.#counts.set(filter, count + 1);
    if (count > 0) return;
    if (isShared(filter)) {
      this.#enter(filter);
      return;
    }
    this.#tree.ensure(filter, () => filter);
    if (this.#tree.isCovered(filter)) return;
    this.#enter(filter);
    this.#tree.visitCovered(filter, (other) => this.#leave(other));
  }

  /** A filter that is not there is left alone. */
  remove(filter: string): void {
    const count = this.#counts.get(filter);
    if (count === undefined) return;
    if (count > 1) {
      this.#counts.set(filter, count - 1);
      return;
    }
    this.#counts.delete(filter);
    if (!isShared(filter)) this.#tree.delete(filter);
    if (!this.#cover.has(filter)) return;
    this.#leave(filter);
    if (isShared(filter)) return;
    this.#tree.visitCovered(filter, (other) => {
      if (!this.#tree.isCovered(other)) this.#enter(other);
    });
  }

  /** How the cover differs from what it was at the last call, or from the empty set at the first. */
  takeChanges(): FilterChanges {
    const changes = { add: [...this.#added], remove: [...this.#removed] };
    this.#added.clear();
    this.#removed.clear();
    return changes;
  }

  #enter(filter: string): void {
    this.#cover.add(filter);
    if (!this.#removed.delete(filter)) this.#added.add(filter);
  }

  #leave(filter: string): void {
    if (!this.#cover.delete(filter)) return;
    if (!this.#added.delete(filter)) this.#removed.add(filter);
  }
}

function isShared(filter: string): boolean {
  return parseShareFilter(filter) !== undefined;
}
