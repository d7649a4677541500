import { type Advertisement, LinkStateDatabase, type Reception } from '../../../../broker/federation/topology/index.ts';
import type { Random } from '../../../../core/random/index.ts';

interface Flying {
  from: string;
  to: string;
  advertisement: Advertisement;
}

/**
 * Brokers that flood advertisements over links that deliver in any order and more than once. A message is lost only with
 * its link; when a link comes up, both ends send everything they know.
 */
export class FloodingMesh {
  readonly brokers = new Map<string, LinkStateDatabase>();
  readonly #links = new Set<string>();
  readonly #random: Random;
  #flying: Flying[] = [];
  #boots = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Starts a broker, or starts it again without its links. */
  start(node: string, isLeaf = false): void {
    for (const other of this.brokers.keys()) this.unlink(node, other);
    this.#boots += 1;
    // Boots are random in production, so later ones here are neither always greater nor always smaller.
    const boot = `${this.#random.below(1_000)}-${this.#boots}`;
    this.brokers.set(node, new LinkStateDatabase({ node, incarnation: '1', boot, isLeaf }));
  }

  broker(node: string): LinkStateDatabase {
    return this.brokers.get(node) as LinkStateDatabase;
  }

  hasLink(one: string, other: string): boolean {
    return this.#links.has(keyOf(one, other));
  }

  neighboursOf(node: string): string[] {
    return [...this.brokers.keys()].filter((other) => this.hasLink(node, other));
  }

  link(one: string, other: string): void {
    if (one === other || this.hasLink(one, other)) return;
    this.#links.add(keyOf(one, other));
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#tellNeighbours(from);
      for (const advertisement of this.broker(from).all()) this.#flying.push({ from, to, advertisement });
    }
  }

  unlink(one: string, other: string): void {
    if (!this.#links.delete(keyOf(one, other))) return;
    this.#flying = this.#flying.filter(({ from, to }) => keyOf(from, to) !== keyOf(one, other));
    this.#tellNeighbours(one);
    this.#tellNeighbours(other);
  }

  flood(node: string, advertisement: Advertisement | undefined, except?: string): void {
    if (advertisement === undefined) return;
    for (const to of this.neighboursOf(node)) if (to !== except) this.#flying.push({ from: node, to, advertisement });
  }

  /** Delivers until nothing flies, or for so many deliveries; the number of deliveries. Throws when it does not end. */
  run(deliveriesMax = 100_000): number {
    let deliveries = 0;
    while (this.#flying.length > 0 && deliveries < deliveriesMax) {
      deliveries += 1;
      const at = this.#random.below(this.#flying.length);
      const { from, to, advertisement } = this.#flying[at] as Flying;
      if (this.#random.below(5) > 0) this.#flying.splice(at, 1);
      const reception: Reception = this.broker(to).receive(advertisement);
      this.flood(to, reception.flood, from);
      if (reception.answer !== undefined) this.#flying.push({ from: to, to: from, advertisement: reception.answer });
    }
    if (deliveries === 100_000) throw new Error('The flood does not end.');
    return deliveries;
  }

  #tellNeighbours(node: string): void {
    this.flood(node, this.broker(node).advertise({ neighbours: this.neighboursOf(node) }));
  }
}

function keyOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
