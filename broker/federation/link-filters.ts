import { filterMatches } from '../../core/wire/index.ts';

const CACHED_TOPICS_MAX = 10_000;

/** What one end lets out, and what it lets in; everything when left out. */
export interface FilterLists {
  exports?: readonly string[] | undefined;
  imports?: readonly string[] | undefined;
}

/** The filters of one link: what may leave over it, and what may come in. No filters let everything pass. */
export class LinkFilters {
  /** Of this end. */
  readonly own: FilterLists;
  readonly #out: TopicGate;
  readonly #in: TopicGate;
  #peersOut = new TopicGate(undefined);
  #peersIn = new TopicGate(undefined);

  constructor({ exports, imports }: FilterLists) {
    this.own = { exports, imports };
    this.#out = new TopicGate(exports);
    this.#in = new TopicGate(imports);
  }

  /** The other end says what it lets out and in. */
  peerHas({ exports, imports }: FilterLists): void {
    this.#peersOut = new TopicGate(exports);
    this.#peersIn = new TopicGate(imports);
  }

  /** Whether there are none, at either end. */
  get isOpen(): boolean {
    return this.#out.isOpen && this.#in.isOpen && this.#peersOut.isOpen && this.#peersIn.isOpen;
  }

  /** Whether both ends let it go from here to there. */
  mayGo(topic: string): boolean {
    return this.#out.lets(topic) && this.#peersIn.lets(topic);
  }

  /** Whether both ends let it come from there. */
  mayCome(topic: string): boolean {
    return this.#in.lets(topic) && this.#peersOut.lets(topic);
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
