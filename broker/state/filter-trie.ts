import { FilterTree } from '../filters/index.ts';
import type { Qos } from './message.ts';

/** Subscriptions by filter, for finding those that match a topic. */
export class FilterTrie<S> {
  readonly #tree = new FilterTree<Map<S, Qos>>();

  get isEmpty(): boolean {
    return this.#tree.isEmpty;
  }

  /** Adds or changes; true when the subscriber did not have this filter. */
  add(filter: string, subscriber: S, qos: Qos): boolean {
    const subscribers = this.#tree.ensure(filter, () => new Map());
    const isNew = !subscribers.has(subscriber);
    subscribers.set(subscriber, qos);
    return isNew;
  }

  /** True when the subscriber had this filter. */
  remove(filter: string, subscriber: S): boolean {
    const subscribers = this.#tree.get(filter);
    if (subscribers?.delete(subscriber) !== true) return false;
    if (subscribers.size === 0) this.#tree.delete(filter);
    return true;
  }

  /** Visits every subscription that matches; a subscriber with two matching filters is visited twice. */
  match(topic: string, visit: (subscriber: S, qos: Qos) => void): void {
    this.#tree.match(topic, (subscribers) => {
      for (const [subscriber, qos] of subscribers) visit(subscriber, qos);
    });
  }
}
