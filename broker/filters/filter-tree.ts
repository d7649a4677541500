interface Node<V> {
  children: Map<string, Node<V>>;
  value: V | undefined;
}

/**
 * Filters by level, each with a value (MQTT 3.1.1, 4.7). A look-up costs by the levels of what is looked up, not by the
 * number of filters.
 */
export class FilterTree<V extends NonNullable<unknown>> {
  readonly #root: Node<V> = createNode();

  get isEmpty(): boolean {
    return this.#root.children.size === 0;
  }

  get(filter: string): V | undefined {
    return this.#find(filter.split('/'))?.value;
  }

  /** The value of a filter, which is made when it has none. */
  ensure(filter: string, make: () => V): V {
    let node = this.#root;
    for (const level of filter.split('/')) {
      let child = node.children.get(level);
      if (child === undefined) {
        child = createNode();
        node.children.set(level, child);
      }
      node = child;
    }
    node.value ??= make();
    return node.value;
  }

  /** A filter that is not there is left alone. */
  delete(filter: string): void {
    const levels = filter.split('/');
    const path: Node<V>[] = [this.#root];
    for (const level of levels) {
      const child = (path.at(-1) as Node<V>).children.get(level);
      if (child === undefined) return;
      path.push(child);
    }
    (path.at(-1) as Node<V>).value = undefined;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth] as Node<V>;
      if (node.value !== undefined || node.children.size > 0) break;
      (path[depth - 1] as Node<V>).children.delete(levels[depth - 1] as string);
    }
  }

  /** Visits the value of every filter that matches the topic. */
  match(topic: string, visit: (value: V) => void): void {
    const levels = topic.split('/');
    const visitOne = (node: Node<V> | undefined): void => {
      if (node?.value !== undefined) visit(node.value);
    };
    const walk = (node: Node<V>, depth: number): void => {
      const wild = reachesWildcards(topic, depth);
      if (wild) visitOne(node.children.get('#'));
      if (depth === levels.length) {
        visitOne(node);
        return;
      }
      const exact = node.children.get(levels[depth] as string);
      if (exact !== undefined) walk(exact, depth + 1);
      const any = wild ? node.children.get('+') : undefined;
      if (any !== undefined) walk(any, depth + 1);
    };
    walk(this.#root, 0);
  }

  /** Whether another filter covers this one, which may be in the tree or not; see filterCovers. */
  isCovered(filter: string): boolean {
    const levels = filter.split('/');
    const self = this.#find(levels);
    const isOther = (node: Node<V> | undefined): boolean => node?.value !== undefined && node !== self;
    const search = (node: Node<V>, depth: number): boolean => {
      const wild = reachesWildcards(filter, depth);
      if (wild && isOther(node.children.get('#'))) return true;
      if (depth === levels.length) return isOther(node);
      const level = levels[depth] as string;
      if (level === '#') return false;
      const exact = node.children.get(level);
      if (exact !== undefined && search(exact, depth + 1)) return true;
      const any = wild && level !== '+' ? node.children.get('+') : undefined;
      return any !== undefined && search(any, depth + 1);
    };
    return search(this.#root, 0);
  }

  /**
   * Visits the values of the other filters that this one covers. Below one of them that ends in `#` nothing more is visited:
   * that one covers the rest.
   */
  visitCovered(filter: string, visit: (value: V) => void): void {
    const levels = filter.split('/');
    const self = this.#find(levels);
    const visitOther = (node: Node<V>): void => {
      if (node.value !== undefined && node !== self) visit(node.value);
    };
    const visitAll = (node: Node<V>, depth: number): void => {
      const rest = node.children.get('#');
      if (rest?.value !== undefined && rest !== self) {
        visit(rest.value);
        return;
      }
      visitOther(node);
      for (const [level, child] of node.children) if (reachesWildcards(level, depth)) visitAll(child, depth + 1);
    };
    const walk = (node: Node<V>, depth: number): void => {
      const level = levels[depth];
      if (level === undefined) {
        visitOther(node);
      } else if (level === '#') {
        visitAll(node, depth);
      } else if (level === '+') {
        for (const [name, child] of node.children) {
          if (name !== '#' && reachesWildcards(name, depth)) walk(child, depth + 1);
        }
      } else {
        const child = node.children.get(level);
        if (child !== undefined) walk(child, depth + 1);
      }
    };
    walk(this.#root, 0);
  }

  #find(levels: readonly string[]): Node<V> | undefined {
    let node: Node<V> | undefined = this.#root;
    for (const level of levels) node = node?.children.get(level);
    return node;
  }
}

function createNode<V>(): Node<V> {
  return { children: new Map(), value: undefined };
}

/** A wildcard at the first level does not match what begins with $ [MQTT-4.7.2-1]. */
function reachesWildcards(text: string, depth: number): boolean {
  return depth > 0 || !text.startsWith('$');
}
