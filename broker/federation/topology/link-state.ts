import { LatticeError } from '../../../core/errors/index.ts';
import {
  type Advertisement,
  type AdvertisementChange,
  areFarApart,
  compareAge,
  compareSequences,
  NEIGHBOURS_MAX,
  sameLinks,
} from './advertisement.ts';
import { type Routes, shortestPaths } from './routes.ts';

/** Brokers of one federation, the own one among them. At the bound unknown ones are refused and counted. */
export const NODES_MAX = 1_024;

/** What is to be done with an advertisement that came. */
export interface Reception {
  /** To be sent to every neighbour but the one that it came from. */
  flood?: Advertisement;
  /** To be sent back to the neighbour that it came from, which has something older. */
  answer?: Advertisement;
  /** Whether the links or the process of another broker are not what they were: routes may have changed. */
  isNew: boolean;
}

/**
 * What all brokers say of their links, as the own broker has heard it (a link-state database, as in OSPF, RFC 2328).
 *
 * Of each broker the advertisement with the highest sequence counts. A broker that starts again begins at 1 and hears from
 * its neighbours what it said in an earlier life; it goes above that and floods again, so no clocks are compared and
 * nothing is kept on disk.
 */
export class LinkStateDatabase {
  readonly #others = new Map<string, Advertisement>();
  readonly #unreachableSinceMs = new Map<string, number>();
  #own: Advertisement;
  #routes: Routes | undefined;
  #refused = 0;
  #outbid = 0;
  #implausible = 0;

  constructor(own: Pick<Advertisement, 'node' | 'incarnation' | 'boot' | 'isLeaf'>) {
    this.#own = {
      ...own,
      sequence: 1,
      neighbours: [],
      interestVersion: 0,
      interestHash: '',
    };
  }

  get own(): Advertisement {
    return this.#own;
  }

  /** Advertisements of unknown brokers beyond NODES_MAX. */
  get refused(): number {
    return this.#refused;
  }

  /** Advertisements whose sequence was too far from what is known of their broker. */
  get implausible(): number {
    return this.#implausible;
  }

  /**
   * How often the own broker went above an advertisement in its name that it had not sent. About one for each start; a
   * number that keeps growing means that two processes run under one name.
   */
  get outbid(): number {
    return this.#outbid;
  }

  /**
   * Changes what the own broker says of itself. The advertisement to flood; undefined when nothing is different. Throws
   * INTERNAL beyond NEIGHBOURS_MAX: the links above the bound are the caller's to refuse.
   */
  advertise(change: AdvertisementChange): Advertisement | undefined {
    const neighbours = [...new Set(change.neighbours ?? this.#own.neighbours)].sort();
    if (neighbours.length > NEIGHBOURS_MAX) {
      throw new LatticeError(
        'INTERNAL',
        `${neighbours.length} neighbours to advertise; the limit is ${NEIGHBOURS_MAX}.`,
      );
    }
    const next: Advertisement = { ...this.#own, ...change, neighbours };
    const isSame =
      sameLinks(next, this.#own) &&
      next.incarnation === this.#own.incarnation &&
      next.interestVersion === this.#own.interestVersion &&
      next.interestHash === this.#own.interestHash;
    return isSame ? undefined : this.#setOwn(next, this.#own.sequence + 1);
  }

  /** The own advertisement once more, with a higher sequence; to be flooded. */
  refresh(): Advertisement {
    return this.#setOwn(this.#own, this.#own.sequence + 1);
  }

  /** Takes an advertisement from a neighbour; it has passed the schema. */
  receive(advertisement: Advertisement): Reception {
    const known = this.of(advertisement.node);
    if (known !== undefined && areFarApart(advertisement.sequence, known.sequence)) this.#implausible += 1;
    if (advertisement.node === this.#own.node) return this.#receiveOwn(advertisement);
    if (known === undefined) {
      // The own broker counts as one.
      if (this.#others.size + 1 >= NODES_MAX) {
        this.#refused += 1;
        return { isNew: false };
      }
    } else {
      const age = compareAge(advertisement, known);
      if (age < 0) return { answer: known, isNew: false };
      if (age === 0) return { isNew: false };
    }
    this.#others.set(advertisement.node, advertisement);
    const linksChanged = known === undefined || !sameLinks(advertisement, known);
    if (linksChanged) this.#routes = undefined;
    const isNew = linksChanged || advertisement.boot !== known.boot || advertisement.incarnation !== known.incarnation;
    return { flood: advertisement, isNew };
  }

  /** Everything, the own one first; for a new neighbour. */
  all(): Advertisement[] {
    return [this.#own, ...this.#others.values()];
  }

  /** What a broker has said last, the own one included. */
  of(node: string): Advertisement | undefined {
    return node === this.#own.node ? this.#own : this.#others.get(node);
  }

  /**
   * Forgets the brokers that no path has led to for longer than ageMsMax, and returns their names. To be called every now
   * and then with monotonic time: a broker's age counts from the first call that finds it unreachable.
   */
  forget(nowMs: number, ageMsMax: number): string[] {
    const reachable = new Set(this.routes().reachable);
    const forgotten: string[] = [];
    for (const node of this.#others.keys()) {
      if (reachable.has(node)) {
        this.#unreachableSinceMs.delete(node);
        continue;
      }
      const sinceMs = this.#unreachableSinceMs.get(node) ?? nowMs;
      this.#unreachableSinceMs.set(node, sinceMs);
      if (nowMs - sinceMs > ageMsMax) forgotten.push(node);
    }
    // What is unreachable is on no path, so the routes stay.
    for (const node of forgotten) {
      this.#others.delete(node);
      this.#unreachableSinceMs.delete(node);
    }
    return forgotten;
  }

  /** The same object until a link changes. */
  routes(): Routes {
    this.#routes ??= shortestPaths(this.#own.node, (node) => this.of(node));
    return this.#routes;
  }

  #receiveOwn(advertisement: Advertisement): Reception {
    const isOfThisProcess = advertisement.boot === this.#own.boot;
    const ahead = compareSequences(advertisement.sequence, this.#own.sequence);
    if (ahead < 0) return { answer: this.#own, isNew: false };
    if (isOfThisProcess && ahead === 0) return { isNew: false };
    this.#outbid += 1;
    const own = this.#setOwn(this.#own, advertisement.sequence + 1);
    return { flood: own, answer: own, isNew: false };
  }

  #setOwn(next: Advertisement, sequence: number): Advertisement {
    if (!sameLinks(next, this.#own)) this.#routes = undefined;
    this.#own = { ...next, sequence };
    return this.#own;
  }
}
