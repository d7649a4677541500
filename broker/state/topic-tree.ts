interface Node<T> {
  children: Map<string, Node<T>>;
  value: T | undefined;
}

/** Values by topic, for finding those that a filter matches without looking at the others (MQTT 3.1.1, 4.7). */
export class TopicTree<T> {
  readonly #root: Node<T> = { children: new Map(), value: undefined };

  set(topic: string, value: T): void {
    let node = this.#root;
    for (const level of topic.split('/')) {
      let child = node.children.get(level);
      if (child === undefined) {
        child = { children: new Map(), value: undefined };
        node.children.set(level, child);
      }
      node = child;
    }
    node.value = value;
  }

  delete(topic: string): void {
    const levels = topic.split('/');
    const path: Node<T>[] = [this.#root];
    for (const level of levels) {
      const child = (path.at(-1) as Node<T>).children.get(level);
      if (child === undefined) return;
      path.push(child);
    }
    (path.at(-1) as Node<T>).value = undefined;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth] as Node<T>;
      if (node.value !== undefined || node.children.size > 0) break;
      (path[depth - 1] as Node<T>).children.delete(levels[depth - 1] as string);
    }
  }

  *match(filter: string): Generator<T> {
    yield* walk(this.#root, filter.split('/'), 0);
  }
}

function* walk<T>(node: Node<T>, levels: string[], depth: number): Generator<T> {
  const level = levels[depth];
  if (level === undefined) {
    if (node.value !== undefined) yield node.value;
    return;
  }
  if (level === '#') {
    yield* everything(node, depth === 0);
    return;
  }
  if (level === '+') {
    for (const [name, child] of node.children) {
      if (!hides(name, depth === 0)) yield* walk(child, levels, depth + 1);
    }
    return;
  }
  const child = node.children.get(level);
  if (child !== undefined) yield* walk(child, levels, depth + 1);
}

function* everything<T>(node: Node<T>, atRoot: boolean): Generator<T> {
  if (node.value !== undefined) yield node.value;
  for (const [name, child] of node.children) {
    if (!hides(name, atRoot)) yield* everything(child, false);
  }
}

/** A wildcard at the first level does not match topics that begin with $ [MQTT-4.7.2-1]. */
function hides(name: string, atRoot: boolean): boolean {
  return atRoot && name.startsWith('$');
}
