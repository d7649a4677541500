import { parseShardTopic, parseShareFilter } from '../../core/wire/index.ts';
import { FilterTrie } from './filter-trie.ts';
import type { Qos } from './message.ts';
import { ShareGroups } from './share-groups.ts';

export interface Receiver<S> {
  subscriber: S;
  /** The highest that any of its matching filters was granted (MQTT 3.1.1, 3.3.5). */
  qos: Qos;
}

const NOBODY: readonly never[] = [];
const CACHED_TOPICS_MAX = 10_000;

/**
 * Who subscribed to what. Looks a topic up by walking a trie, and remembers the answer until a subscription changes.
 *
 * Shard spaces have tries of their own, one for each shard and one for `$shard/+/`, so that a message costs nothing
 * more while nobody has subscribed to its shard.
 */
export class SubscriptionIndex<S> {
  readonly #plain = new FilterTrie<S>();
  readonly #shards = new Map<number | '+', FilterTrie<S>>();
  readonly #cache = new Map<string, readonly Receiver<S>[]>();
  readonly #filters = new Map<string, number>();
  readonly #shares: ShareGroups<S>;
  #size = 0;
  /** Grows with each change of what match() and matchShard() say. */
  version = 0;
  /** Called after a filter has got its first subscriber or lost its last. */
  onFilterChanged: (filter: string, isWanted: boolean) => void = () => {};

  /** Shared subscriptions go into `shares`, and match nothing here. */
  constructor(shares: ShareGroups<S> = new ShareGroups()) {
    this.#shares = shares;
  }

  /** Subscriptions, each filter of each subscriber counted once. */
  get size(): number {
    return this.#size;
  }

  get hasShards(): boolean {
    return this.#shards.size > 0;
  }

  filters(): IterableIterator<string> {
    return this.#filters.keys();
  }

  has(filter: string): boolean {
    return this.#filters.has(filter);
  }

  add(filter: string, subscriber: S, qos: Qos): void {
    if (parseShareFilter(filter) !== undefined) {
      if (this.#shares.add(filter, subscriber, qos)) this.#size += 1;
      return;
    }
    this.version += 1;
    const place = this.#place(filter);
    if (place.trie.add(place.filter, subscriber, qos)) {
      this.#size += 1;
      const count = this.#filters.get(filter) ?? 0;
      this.#filters.set(filter, count + 1);
      if (count === 0) this.onFilterChanged(filter, true);
    }
    this.#cache.clear();
  }

  remove(filter: string, subscriber: S): void {
    if (parseShareFilter(filter) !== undefined) {
      if (this.#shares.remove(filter, subscriber)) this.#size -= 1;
      return;
    }
    const place = this.#place(filter);
    if (!place.trie.remove(place.filter, subscriber)) return;
    this.version += 1;
    if (place.shard !== undefined && place.trie.isEmpty) this.#shards.delete(place.shard);
    this.#size -= 1;
    this.#cache.clear();
    const count = this.#filters.get(filter) ?? 1;
    if (count > 1) {
      this.#filters.set(filter, count - 1);
    } else {
      this.#filters.delete(filter);
      this.onFilterChanged(filter, false);
    }
  }

  /** The receivers of a topic, each once. */
  match(topic: string): readonly Receiver<S>[] {
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    const found = receiversOf<S>([this.#plain], topic);
    this.#remember(topic, found);
    return found;
  }

  /** Those who receive the topic inside its shard's space. */
  matchShard(shard: number, topic: string): readonly Receiver<S>[] {
    const one = this.#shards.get(shard);
    const any = this.#shards.get('+');
    if (one === undefined && any === undefined) return NOBODY;
    const key = `$shard\0${topic}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const found = receiversOf(
      [one, any].filter((trie) => trie !== undefined),
      topic,
    );
    this.#remember(key, found);
    return found;
  }

  #remember(key: string, receivers: readonly Receiver<S>[]): void {
    if (this.#cache.size >= CACHED_TOPICS_MAX) this.#cache.clear();
    this.#cache.set(key, receivers);
  }

  #place(filter: string): { trie: FilterTrie<S>; filter: string; shard?: number | '+' } {
    const sharded = parseShardFilter(filter);
    if (sharded === undefined) return { trie: this.#plain, filter };
    let trie = this.#shards.get(sharded.shard);
    if (trie === undefined) {
      trie = new FilterTrie<S>();
      this.#shards.set(sharded.shard, trie);
    }
    return { trie, filter: sharded.filter, shard: sharded.shard };
  }
}

/** Takes `$shard/{n}/{filter}` or `$shard/+/{filter}` apart; undefined for any other filter. */
export function parseShardFilter(filter: string): { shard: number | '+'; filter: string } | undefined {
  if (!filter.startsWith('$shard/')) return undefined;
  if (filter.startsWith('$shard/+/') && filter.length > 9) return { shard: '+', filter: filter.slice(9) };
  const parsed = parseShardTopic(filter);
  return parsed === undefined ? undefined : { shard: parsed.shard, filter: parsed.topic };
}

function receiversOf<S>(tries: FilterTrie<S>[], topic: string): readonly Receiver<S>[] {
  const best = new Map<S, Qos>();
  for (const trie of tries) {
    trie.match(topic, (subscriber, qos) => {
      const known = best.get(subscriber);
      if (known === undefined || known < qos) best.set(subscriber, qos);
    });
  }
  return best.size === 0 ? NOBODY : [...best].map(([subscriber, qos]) => ({ subscriber, qos }));
}
