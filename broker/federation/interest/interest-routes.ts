import { parseShareFilter, shardOfTopic, shardTopic } from '../../../core/wire/index.ts';
import { FilterTree } from '../../filters/index.ts';

/** Who wants a topic. */
export interface TopicRoute {
  /** The brokers with a subscriber to the topic, by itself or inside its shard's space. */
  readonly nodes: ReadonlySet<string>;
  /** For each `$share/{group}/{filter}` that matches it, the brokers with members, sorted. */
  readonly shares: ReadonlyMap<string, readonly string[]>;
}

const CACHED_TOPICS_MAX = 10_000;
const NOBODY: TopicRoute = { nodes: new Set(), shares: new Map() };

/** The filters of all brokers together, so that a topic is looked up once and not once for each broker. */
export class InterestRoutes {
  readonly #plain = new FilterTree<Set<string>>();
  /** By the filter inside, since the groups of one filter match the same topics. */
  readonly #shared = new FilterTree<Map<string, Set<string>>>();
  readonly #cache = new Map<string, TopicRoute>();

  /** A node has a filter once. */
  add(filter: string, node: string): void {
    this.#cache.clear();
    const inner = parseShareFilter(filter)?.filter;
    if (inner === undefined) {
      this.#plain.ensure(filter, () => new Set()).add(node);
      return;
    }
    const groups = this.#shared.ensure(inner, () => new Map());
    const nodes = groups.get(filter);
    if (nodes === undefined) groups.set(filter, new Set([node]));
    else nodes.add(node);
  }

  remove(filter: string, node: string): void {
    this.#cache.clear();
    const inner = parseShareFilter(filter)?.filter;
    if (inner === undefined) {
      const nodes = this.#plain.get(filter);
      nodes?.delete(node);
      if (nodes?.size === 0) this.#plain.delete(filter);
      return;
    }
    const groups = this.#shared.get(inner);
    const nodes = groups?.get(filter);
    nodes?.delete(node);
    if (nodes?.size === 0) groups?.delete(filter);
    if (groups?.size === 0) this.#shared.delete(inner);
  }

  of(topic: string): TopicRoute {
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    const route = this.#find(topic);
    if (this.#cache.size >= CACHED_TOPICS_MAX) this.#cache.clear();
    this.#cache.set(topic, route);
    return route;
  }

  #find(topic: string): TopicRoute {
    const nodes = new Set<string>();
    const members = new Map<string, Set<string>>();
    const shard = shardOfTopic(topic);
    for (const name of shard === undefined ? [topic] : [topic, shardTopic(shard, topic)]) {
      this.#plain.match(name, (found) => {
        for (const node of found) nodes.add(node);
      });
      this.#shared.match(name, (groups) => {
        for (const [filter, found] of groups) members.set(filter, found);
      });
    }
    if (nodes.size === 0 && members.size === 0) return NOBODY;
    return { nodes, shares: new Map([...members].map(([filter, found]) => [filter, [...found].sort()])) };
  }
}
