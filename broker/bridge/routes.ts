import { filterCovers, filterMatches } from '../../core/wire/index.ts';
import type { StoredSubscription } from '../state/index.ts';
import type { BridgeRoute } from './config.ts';

type Side = 'localPrefix' | 'remotePrefix';

/** Which topics cross a bridge and what they are called at the other end, as Mosquitto's `topic` lines say it. */
export class Routes {
  readonly #out: readonly BridgeRoute[];
  readonly #in: readonly BridgeRoute[];
  /** What the bridge subscribes to here. */
  readonly localSubscriptions: readonly StoredSubscription[];
  /** What it subscribes to at the other broker. */
  readonly remoteSubscriptions: readonly StoredSubscription[];

  constructor(routes: readonly BridgeRoute[]) {
    this.#out = routes.filter(({ direction }) => direction !== 'in');
    this.#in = routes.filter(({ direction }) => direction !== 'out');
    this.localSubscriptions = subscriptionsOf(this.#out, 'localPrefix');
    this.remoteSubscriptions = subscriptionsOf(this.#in, 'remotePrefix');
  }

  /** The topic at the other broker; undefined when it does not go there. */
  toRemote(topic: string): string | undefined {
    return mapped(this.#out, topic, 'localPrefix', 'remotePrefix');
  }

  /** The topic here of what the other broker sent; undefined when it does not come here. */
  toLocal(topic: string): string | undefined {
    return mapped(this.#in, topic, 'remotePrefix', 'localPrefix');
  }

  /** Whether the other broker sends a topic to this bridge, whoever published it. */
  comesIn(remoteTopic: string): boolean {
    return this.#in.some((route) => filterMatches(route.remotePrefix + route.filter, remoteTopic));
  }
}

function mapped(routes: readonly BridgeRoute[], topic: string, from: Side, to: Side): string | undefined {
  for (const route of routes) {
    // `a/#` also matches `a`, which does not begin with the prefix `a/`.
    if (!topic.startsWith(route[from]) || !filterMatches(route[from] + route.filter, topic)) continue;
    const name = route[to] + topic.slice(route[from].length);
    if (name !== '') return name;
  }
  return undefined;
}

/**
 * Each filter once, with the highest QoS that a route gives it, and none that another covers: many brokers send a message
 * once for each filter that it matches.
 */
function subscriptionsOf(routes: readonly BridgeRoute[], side: Side): StoredSubscription[] {
  const found = new Map<string, StoredSubscription>();
  for (const route of routes) {
    const topic = route[side] + route.filter;
    const known = found.get(topic);
    if (known === undefined || known.qos < route.qos) found.set(topic, { topic, qos: route.qos });
  }
  const all = [...found.values()];
  return all.filter(({ topic, qos }) => {
    return !all.some((other) => other.topic !== topic && other.qos >= qos && filterCovers(other.topic, topic));
  });
}
