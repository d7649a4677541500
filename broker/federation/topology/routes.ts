import type { Advertisement } from './advertisement.ts';

/** Where the other brokers are, seen from one broker. */
export interface Routes {
  /** The brokers that a path leads to, in the order of their names; without the own one. */
  readonly reachable: readonly string[];
  /** The neighbour on the path to a broker; undefined when there is no path, and for the own broker. */
  nextHop(node: string): string | undefined;
  /** The hops to a broker, itself the last; undefined where nextHop is. */
  path(node: string): readonly string[] | undefined;
}

/**
 * Shortest paths by hops, breadth first. An edge counts when both ends list each other; a leaf ends a path.
 *
 * Each level is visited in the order of its paths and neighbours in the order of their names, so the first to find a
 * broker has the path that is smallest by name among the shortest. The rest of such a path is also the smallest from its
 * next hop on: brokers with equal databases, each of which asks only for its own next hop, send along one and the same
 * path, and each hop is nearer to the destination, so there is no loop.
 */
export function shortestPaths(own: string, advertisementOf: (node: string) => Advertisement | undefined): Routes {
  const previous = new Map<string, string>();
  const nextHops = new Map<string, string>();
  const queue = [own];
  for (const node of queue) {
    const advertisement = advertisementOf(node);
    if (advertisement === undefined || (advertisement.isLeaf && node !== own)) continue;
    for (const neighbour of advertisement.neighbours.toSorted()) {
      if (neighbour === own || nextHops.has(neighbour)) continue;
      if (advertisementOf(neighbour)?.neighbours.includes(node) !== true) continue;
      previous.set(neighbour, node);
      nextHops.set(neighbour, nextHops.get(node) ?? neighbour);
      queue.push(neighbour);
    }
  }
  return {
    reachable: queue.slice(1).sort(),
    nextHop: (node) => nextHops.get(node),
    path: (node) => {
      if (!nextHops.has(node)) return undefined;
      const path: string[] = [];
      for (let hop: string | undefined = node; hop !== undefined && hop !== own; hop = previous.get(hop))
        path.push(hop);
      return path.reverse();
    },
  };
}
