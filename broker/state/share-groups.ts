import { parseShareFilter } from '../../core/wire/index.ts';
import { FilterTree } from '../filters/index.ts';

export interface ShareMember<S> {
  subscriber: S;
  qos: 0 | 1 | 2;
}

/** Messages that a member may have to do before its turn is passed over; they come and go in bursts. */
const LOAD_SLACK = 16;

/** The members that one share filter has at this broker. */
export class ShareGroup<S> {
  /** `$share/{group}/{filter}`. */
  readonly filter: string;
  readonly members: ShareMember<S>[] = [];
  #turn = 0;

  constructor(filter: string) {
    this.filter = filter;
  }

  /**
   * The next member in turn, or the one after it if that has far less to do: of two choices the better keeps the loads close
   * together at the cost of two looks (Mitzenmacher 2001). Undefined when none fits.
   */
  pick(fits: (subscriber: S) => boolean, loadOf: (subscriber: S) => number): ShareMember<S> | undefined {
    const { members } = this;
    let first: ShareMember<S> | undefined;
    let nextTurn = this.#turn;
    for (let step = 0; step < members.length; step++) {
      const at = (this.#turn + step) % members.length;
      const member = members[at] as ShareMember<S>;
      if (!fits(member.subscriber)) continue;
      if (first === undefined) {
        first = member;
        nextTurn = at + 1;
        continue;
      }
      if (2 * loadOf(member.subscriber) + LOAD_SLACK < loadOf(first.subscriber)) {
        first = member;
        nextTurn = at + 1;
      }
      break;
    }
    this.#turn = nextTurn;
    return first;
  }

  add(subscriber: S, qos: 0 | 1 | 2): boolean {
    const present = this.members.find((member) => member.subscriber === subscriber);
    if (present === undefined) this.members.push({ subscriber, qos });
    else present.qos = qos;
    return present === undefined;
  }

  remove(subscriber: S): boolean {
    const at = this.members.findIndex((member) => member.subscriber === subscriber);
    if (at < 0) return false;
    this.members.splice(at, 1);
    if (at < this.#turn) this.#turn -= 1;
    return true;
  }
}

const CACHED_TOPICS_MAX = 10_000;
const NOBODY: readonly never[] = [];

/** Share groups by what their filters match. */
export class ShareGroups<S> {
  readonly #byFilter = new Map<string, ShareGroup<S>>();
  /** By the filter inside, since the groups of one filter match the same topics. */
  readonly #tree = new FilterTree<Set<ShareGroup<S>>>();
  readonly #cache = new Map<string, readonly ShareGroup<S>[]>();
  /** Called after the members of a group have changed. */
  onChanged: (filter: string) => void = () => {};

  get isEmpty(): boolean {
    return this.#byFilter.size === 0;
  }

  get(filter: string): ShareGroup<S> | undefined {
    return this.#byFilter.get(filter);
  }

  /** Adds or changes; true when the subscriber was no member. The filter must be a share filter. */
  add(filter: string, subscriber: S, qos: 0 | 1 | 2): boolean {
    let group = this.#byFilter.get(filter);
    if (group === undefined) {
      group = new ShareGroup(filter);
      this.#byFilter.set(filter, group);
      this.#tree.ensure(innerOf(filter), () => new Set()).add(group);
      this.#cache.clear();
    }
    const isNew = group.add(subscriber, qos);
    if (isNew) this.onChanged(filter);
    return isNew;
  }

  /** True when the subscriber was a member. */
  remove(filter: string, subscriber: S): boolean {
    const group = this.#byFilter.get(filter);
    if (group?.remove(subscriber) !== true) return false;
    if (group.members.length === 0) this.#forget(group);
    this.onChanged(filter);
    return true;
  }

  filters(): IterableIterator<string> {
    return this.#byFilter.keys();
  }

  /** The groups of which one member each is to get the topic. */
  match(topic: string): readonly ShareGroup<S>[] {
    if (this.isEmpty) return NOBODY;
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    const found: ShareGroup<S>[] = [];
    this.#tree.match(topic, (groups) => found.push(...groups));
    if (this.#cache.size >= CACHED_TOPICS_MAX) this.#cache.clear();
    this.#cache.set(topic, found);
    return found;
  }

  #forget(group: ShareGroup<S>): void {
    this.#byFilter.delete(group.filter);
    const inner = innerOf(group.filter);
    const groups = this.#tree.get(inner);
    groups?.delete(group);
    if (groups?.size === 0) this.#tree.delete(inner);
    this.#cache.clear();
  }
}

function innerOf(filter: string): string {
  return parseShareFilter(filter)?.filter ?? filter;
}
