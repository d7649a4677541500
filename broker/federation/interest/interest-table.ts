import { SetHash } from '../set-hash.ts';
import { FILTERS_MAX, type InterestFrame, type InterestVersion, interestFrames } from './frame.ts';
import { InterestRoutes, type TopicRoute } from './interest-routes.ts';

/**
 * What came of a frame. `applied`: its version is in force. `partial`: more frames of the version are to come. Both brought
 * something new and are to be passed on to the other neighbours; the rest is not. `known`: it brought nothing. `foreign`: its
 * boot is not the one that the broker's advertisement shows, so either of the two is old. `pull`: it does not follow what is
 * known, a snapshot is wanted. `damaged`: the filters would not be those of the version, which is not applied, and a snapshot
 * is wanted. `refused`: more than FILTERS_MAX filters.
 */
export type Application = 'applied' | 'partial' | 'known' | 'foreign' | 'pull' | 'damaged' | 'refused';

interface Pending {
  boot: string;
  version: number;
  base: number;
  add: Set<string>;
  remove: Set<string>;
}

class Interest {
  boot = '';
  /** 0: nothing is known yet. */
  version = 0;
  hash = new SetHash();
  readonly filters = new Set<string>();
  pending: Pending | undefined;
}

/**
 * What the clients of all other brokers have subscribed to.
 *
 * Versions are compared within one boot only, and which boot a broker lives in is what its advertisement says: that one is
 * sorted out by the flooding of advertisements. Until the filters of a new boot are there, the old ones stay in force, so
 * that messages for kept sessions still find their broker.
 */
export class InterestTable {
  readonly #bootOf: (node: string) => string | undefined;
  readonly #interests = new Map<string, Interest>();
  readonly #routes = new InterestRoutes();
  #damaged = 0;
  #refused = 0;

  /** bootOf: the boot in a broker's advertisement; frames of a broker without one are not taken, which bounds the table. */
  constructor(bootOf: (node: string) => string | undefined) {
    this.#bootOf = bootOf;
  }

  /** Versions that were not applied since their hash did not fit. */
  get damaged(): number {
    return this.#damaged;
  }

  /** Versions that were not applied since they had too many filters. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes one frame; it has passed the schema. */
  apply(frame: InterestFrame): Application {
    const { node, boot, version, base, hash } = frame;
    if (boot !== this.#bootOf(node)) return 'foreign';
    let interest = this.#interests.get(node);
    if (interest === undefined) {
      interest = new Interest();
      this.#interests.set(node, interest);
    }
    const isSameBoot = interest.boot === boot;
    if (isSameBoot && version < interest.version) return 'known';
    if (isSameBoot && version === interest.version && hash === interest.hash.hex) return 'known';
    if (base !== 0 && !(isSameBoot && base === interest.version)) return 'pull';
    const news = gather(interest, frame);
    const pending = interest.pending as Pending;
    if (pending.add.size + pending.remove.size > FILTERS_MAX) {
      interest.pending = undefined;
      this.#refused += 1;
      return 'refused';
    }
    if (frame.more) return news ? 'partial' : 'known';
    interest.pending = undefined;
    if (this.#take(node, interest, pending, hash)) return 'applied';
    this.#damaged += 1;
    return 'damaged';
  }

  /** The version in force; undefined before the first. */
  version(node: string): InterestVersion | undefined {
    const interest = this.#interests.get(node);
    if (interest === undefined || interest.version === 0) return undefined;
    return { boot: interest.boot, version: interest.version, hash: interest.hash.hex };
  }

  /** All filters of a broker, to answer a pull; no frames when nothing is known of it. */
  snapshot(node: string): InterestFrame[] {
    const version = this.version(node);
    if (version === undefined) return [];
    return interestFrames({ node, ...version, base: 0 }, { add: this.filtersOf(node), remove: [] });
  }

  /** To be called when the broker's advertisement is forgotten. */
  forget(node: string): void {
    for (const filter of this.filtersOf(node)) this.#routes.remove(filter, node);
    this.#interests.delete(node);
  }

  filtersOf(node: string): ReadonlySet<string> {
    return this.#interests.get(node)?.filters ?? new Set();
  }

  /** Who wants a topic. The same object until an interest changes, or until its place in the cache is needed. */
  routeOf(topic: string): TopicRoute {
    return this.#routes.of(topic);
  }

  /** Puts the whole change in force, or nothing of it when the hash does not come out. */
  #take(node: string, interest: Interest, change: Pending, hash: string): boolean {
    const { filters } = interest;
    const leaving = [...(change.base === 0 ? filters : change.remove)].filter(
      (filter) => filters.has(filter) && !change.add.has(filter),
    );
    const entering = [...change.add].filter((filter) => !filters.has(filter));
    const next = interest.hash.copy();
    for (const filter of leaving) next.remove(filter);
    for (const filter of entering) next.add(filter);
    if (next.hex !== hash) return false;
    for (const filter of leaving) {
      filters.delete(filter);
      this.#routes.remove(filter, node);
    }
    for (const filter of entering) {
      filters.add(filter);
      this.#routes.add(filter, node);
    }
    interest.hash = next;
    interest.boot = change.boot;
    interest.version = change.version;
    return true;
  }
}

/**
 * Adds a frame to those of its version that came before it; whether it brought anything. Frames of a version may come on
 * several ways and cut in several ways: their filters are gathered as sets, and the hash shows what is missing at the end.
 */
function gather(interest: Interest, { boot, version, base, add, remove }: InterestFrame): boolean {
  const known = interest.pending;
  const isFirst = known?.boot !== boot || known.version !== version || known.base !== base;
  const pending = isFirst ? { boot, version, base, add: new Set<string>(), remove: new Set<string>() } : known;
  interest.pending = pending;
  const sizeBefore = pending.add.size + pending.remove.size;
  for (const filter of add) pending.add.add(filter);
  for (const filter of remove) pending.remove.add(filter);
  return isFirst || pending.add.size + pending.remove.size > sizeBefore;
}
