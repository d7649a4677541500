import type { Qos } from './message.ts';

interface Node<S> {
  children: Map<string, Node<S>>;
  subscribers: Map<S, Qos>;
}

/** Filters by level, for finding those that match a topic (MQTT 3.1.1, 4.7). Costs by the levels of the topic, not by the number of filters. */
export class FilterTrie<S> {
  readonly #root: Node<S> = createNode();

  get isEmpty(): boolean {
    return this.#root.children.size === 0;
  }

  /** Adds or changes; true when the subscriber did not have this filter. */
  add(filter: string, subscriber: S, qos: Qos): boolean {
    let node = this.#root;
    for (const level of filter.split('/')) {
      let child = node.children.get(level);
      if (child === undefined) {
        child = createNode();
        node.children.set(level, child);
      }
      node = child;
    }
    const isNew = !node.subscribers.has(subscriber);
    node.subscribers.set(subscriber, qos);
    return isNew;
  }

  /** True when the subscriber had this filter. */
  remove(filter: string, subscriber: S): boolean {
    const levels = filter.split('/');
    const path: Node<S>[] = [this.#root];
    for (const level of levels) {
      const child = (path.at(-1) as Node<S>).children.get(level);
      if (child === undefined) return false;
      path.push(child);
    }
    if (!(path.at(-1) as Node<S>).subscribers.delete(subscriber)) return false;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth] as Node<S>;
      if (node.subscribers.size > 0 || node.children.size > 0) break;
      (path[depth - 1] as Node<S>).children.delete(levels[depth - 1] as string);
    }
    return true;
  }

  /** Visits every subscription that matches; a subscriber with two matching filters is visited twice. */
  match(topic: string, visit: (subscriber: S, qos: Qos) => void): void {
    const levels = topic.split('/');
    const visitAll = (node: Node<S> | undefined): void => {
      if (node === undefined) return;
      for (const [subscriber, qos] of node.subscribers) visit(subscriber, qos);
    };
    const walk = (node: Node<S>, depth: number): void => {
      // A wildcard at the first level does not match topics that begin with $ [MQTT-4.7.2-1].
      const wild = depth > 0 || !topic.startsWith('$');
      if (wild) visitAll(node.children.get('#'));
      if (depth === levels.length) {
        visitAll(node);
        return;
      }
      const exact = node.children.get(levels[depth] as string);
      if (exact !== undefined) walk(exact, depth + 1);
      const any = wild ? node.children.get('+') : undefined;
      if (any !== undefined) walk(any, depth + 1);
    };
    walk(this.#root, 0);
  }
}

function createNode<S>(): Node<S> {
  return { children: new Map(), subscribers: new Map() };
}
