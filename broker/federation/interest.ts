import { shardOfTopic, shardTopic } from '../../core/wire/index.ts';
import { isPrivate } from './batch.ts';
import { type ControlFrame, linkProtocolError } from './frames.ts';

export type InterestFrame = Extract<ControlFrame, { type: 'interest' }>;

const CACHED_TOPICS_MAX = 10_000;
const FRAME_TEXT_MAX = 256 * 1024;

/** What the clients of a peer have subscribed to, as the peer says; answers whether a topic is wanted there. */
export class PeerInterest {
  readonly #root = createNode();
  readonly #wanted = new Map<string, boolean>();
  #filters = new Set<string>();
  #version = 0;
  #pending: { version: number; base: number; add: string[]; remove: string[] } | undefined;

  /** The version that is in force; 0 before the first snapshot. */
  get version(): number {
    return this.#version;
  }

  get filters(): ReadonlySet<string> {
    return this.#filters;
  }

  /** Takes one frame; a change that comes in several takes effect with the last. Throws LINK_PROTOCOL. */
  apply({ version, base, add, remove, more }: InterestFrame): void {
    this.#pending ??= { version, base, add: [], remove: [] };
    const pending = this.#pending;
    if (pending.version !== version || pending.base !== base || (base !== 0 && base !== this.#version)) {
      throw linkProtocolError(`Interest ${base} to ${version} does not follow version ${this.#version}.`);
    }
    pending.add.push(...add);
    pending.remove.push(...remove);
    if (more) return;
    this.#pending = undefined;
    if (base === 0) for (const filter of [...this.#filters]) this.#remove(filter);
    for (const filter of pending.remove) this.#remove(filter);
    for (const filter of pending.add) this.#add(filter);
    this.#version = version;
    this.#wanted.clear();
  }

  /** Whether somebody at the peer wants the topic, by itself or inside its shard's space. */
  wants(topic: string): boolean {
    const known = this.#wanted.get(topic);
    if (known !== undefined) return known;
    const shard = shardOfTopic(topic);
    const wanted =
      matches(this.#root, topic.split('/'), 0) ||
      (shard !== undefined && matches(this.#root, shardTopic(shard, topic).split('/'), 0));
    if (this.#wanted.size >= CACHED_TOPICS_MAX) this.#wanted.clear();
    this.#wanted.set(topic, wanted);
    return wanted;
  }

  #add(filter: string): void {
    if (this.#filters.has(filter)) return;
    this.#filters.add(filter);
    let node = this.#root;
    for (const level of filter.split('/')) {
      let child = node.children.get(level);
      if (child === undefined) {
        child = createNode();
        node.children.set(level, child);
      }
      node = child;
    }
    node.isFilter = true;
  }

  #remove(filter: string): void {
    if (!this.#filters.delete(filter)) return;
    const path = [this.#root];
    const levels = filter.split('/');
    for (const level of levels) path.push((path.at(-1) as Node).children.get(level) as Node);
    (path.at(-1) as Node).isFilter = false;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth] as Node;
      if (node.isFilter || node.children.size > 0) break;
      (path[depth - 1] as Node).children.delete(levels[depth - 1] as string);
    }
  }
}

/** Filters by level. A topic is looked up by its levels, whatever the number of filters. */
interface Node {
  children: Map<string, Node>;
  isFilter: boolean;
}

function createNode(): Node {
  return { children: new Map(), isFilter: false };
}

/** MQTT 3.1.1, 4.7: `#` also matches the level above it, and no wildcard at the front matches a topic that begins with $. */
function matches(node: Node, levels: string[], depth: number): boolean {
  const wild = depth > 0 || !(levels[0] as string).startsWith('$');
  if (wild && node.children.get('#')?.isFilter) return true;
  if (depth === levels.length) return node.isFilter;
  const exact = node.children.get(levels[depth] as string);
  if (exact !== undefined && matches(exact, levels, depth + 1)) return true;
  const any = wild ? node.children.get('+') : undefined;
  return any !== undefined && matches(any, levels, depth + 1);
}

/** Tells a peer what changed since it was told last; the first time, everything. */
export class InterestFeed {
  #told = new Set<string>();
  #version = 0;

  /** The frames that bring the peer up to date; none when it is. */
  update(filters: Iterable<string>): InterestFrame[] {
    const now = new Set<string>();
    for (const filter of filters) if (!isPrivate(filter)) now.add(filter);
    const add = [...now].filter((filter) => !this.#told.has(filter));
    const remove = [...this.#told].filter((filter) => !now.has(filter));
    if (this.#version > 0 && add.length === 0 && remove.length === 0) return [];
    const base = this.#version;
    const version = base + 1;
    this.#told = now;
    this.#version = version;
    const frames: InterestFrame[] = [{ type: 'interest', version, base, add: [], remove: [], more: false }];
    let text = 0;
    const place = (list: 'add' | 'remove', filter: string): void => {
      let frame = frames.at(-1) as InterestFrame;
      text += filter.length + 4;
      if (text > FRAME_TEXT_MAX) {
        frame.more = true;
        frame = { type: 'interest', version, base, add: [], remove: [], more: false };
        frames.push(frame);
        text = filter.length + 4;
      }
      frame[list].push(filter);
    };
    for (const filter of remove) place('remove', filter);
    for (const filter of add) place('add', filter);
    return frames;
  }
}
