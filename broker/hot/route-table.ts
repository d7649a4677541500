import type { CleanReceiver, Switchboard } from '../mqtt/index.ts';

/** What is known of a topic that clients publish to. */
export interface Route {
  readonly topic: string;
  /** The topic as it stands in packets. */
  readonly bytes: Uint8Array;
  /** Of the switchboard, when the rest was asked for. */
  version: number;
  clean: readonly CleanReceiver[];
  hasKept: boolean;
  /** The next one with the same hash. */
  next: Route | undefined;
}

const ROUTES_MAX = 16_384;
/** More topics than that with one hash come from somebody who looked for them; they take the slow path. */
const CHAIN_MAX = 8;

/** Routes by the bytes of their topics, so that a packet's topic need be neither decoded nor checked again. */
export class RouteTable {
  readonly #switchboard: Switchboard;
  readonly #routes = new Map<number, Route>();
  #size = 0;

  constructor(switchboard: Switchboard) {
    this.#switchboard = switchboard;
  }

  find(bytes: Uint8Array, start: number, end: number): Route | undefined {
    let route = this.#routes.get(hashOf(bytes, start, end));
    while (route !== undefined && !isTopic(route, bytes, start, end)) route = route.next;
    return route;
  }

  /** Adds a topic that is not there. Undefined when there is no place for it. */
  add(topic: string, bytes: Uint8Array, start: number, end: number): Route | undefined {
    if (this.#size >= ROUTES_MAX) {
      this.#routes.clear();
      this.#size = 0;
    }
    const hash = hashOf(bytes, start, end);
    const next = this.#routes.get(hash);
    let chained = 0;
    for (let each = next; each !== undefined; each = each.next) chained += 1;
    if (chained >= CHAIN_MAX) return undefined;
    const route: Route = {
      topic,
      bytes: Uint8Array.from(bytes.subarray(start, end)),
      version: -1,
      clean: [],
      hasKept: false,
      next,
    };
    this.#routes.set(hash, route);
    this.#size += 1;
    return route;
  }

  /** Brings a route up to date with the subscriptions. */
  refresh(route: Route): void {
    const { version } = this.#switchboard;
    if (route.version === version) return;
    const { clean, hasKept } = this.#switchboard.recipientsOf(route.topic);
    route.clean = clean;
    route.hasKept = hasKept;
    route.version = version;
  }
}

export function isTopic({ bytes: topic }: Route, bytes: Uint8Array, start: number, end: number): boolean {
  if (topic.length !== end - start) return false;
  // From the end, where the topics of a mesh differ.
  for (let at = topic.length - 1; at >= 0; at--) if (topic[at] !== bytes[start + at]) return false;
  return true;
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return hash;
}
