import { filterMatches } from '../../core/wire/index.ts';

const CACHED_TOPICS_MAX = 10_000;

/** The filters of one link: what may leave over it, and what may come in. No filters let everything pass. */
export class LinkFilters {
  readonly #out: TopicGate;
  readonly #in: TopicGate;

  constructor({
    exports,
    imports,
  }: { exports?: readonly string[] | undefined; imports?: readonly string[] | undefined }) {
    this.#out = new TopicGate(exports);
    this.#in = new TopicGate(imports);
  }

  /** Whether there are none. */
  get isOpen(): boolean {
    return this.#out.isOpen && this.#in.isOpen;
  }

  get letsAllOut(): boolean {
    return this.#out.isOpen;
  }

  letsOut(topic: string): boolean {
    return this.#out.lets(topic);
  }

  letsIn(topic: string): boolean {
    return this.#in.lets(topic);
  }
}

class TopicGate {
  readonly #filters: readonly string[] | undefined;
  readonly #known = new Map<string, boolean>();

  constructor(filters: readonly string[] | undefined) {
    this.#filters = filters;
  }

  get isOpen(): boolean {
    return this.#filters === undefined;
  }

  lets(topic: string): boolean {
    if (this.#filters === undefined) return true;
    let allowed = this.#known.get(topic);
    if (allowed === undefined) {
      allowed = this.#filters.some((filter) => filterMatches(filter, topic));
      if (this.#known.size >= CACHED_TOPICS_MAX) this.#known.clear();
      this.#known.set(topic, allowed);
    }
    return allowed;
  }
}
