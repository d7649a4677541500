import type { ShareGroups, ShareTarget } from '../state/index.ts';
import { awayFilterOf, filterOfAway, isAwayFilter } from './advertised.ts';
import { rendezvous } from './rendezvous.ts';

export interface ShareRouterOptions<S> {
  brokerId: string;
  /** The members here. */
  groups: ShareGroups<S>;
  clientIdOf: (subscriber: S) => string;
  isConnected: (subscriber: S) => boolean;
  /** What a member has still to do: messages that wait for it or are in flight. */
  loadOf: (subscriber: S) => number;
  /** For each advertised share filter that matches the topic, the other brokers that advertise it, sorted. */
  shareNodes: (topic: string) => ReadonlyMap<string, readonly string[]>;
}

/** Whom to leave out, since it has just gone. */
export interface Except<S> {
  subscriber?: S;
}

const NONE: readonly ShareTarget[] = [];

/**
 * Chooses one member of each share group that matches a topic. In this order: one who is connected here (in turn, by load);
 * a broker where one is connected; one here who is away; a broker where one is. Among brokers by rendezvous hashing over
 * the group and a number that each choice gets, so that brokers get about equal shares. Which member of another broker
 * it is, that broker chooses.
 */
export class ShareRouter<S> {
  readonly #options: ShareRouterOptions<S>;
  #choices = 0;

  constructor(options: ShareRouterOptions<S>) {
    this.#options = options;
  }

  /** One target for each group that matches the topic; none for most topics, at the cost of a few look-ups. */
  targetsOf(topic: string): readonly ShareTarget[] {
    const { groups, shareNodes } = this.#options;
    const remote = shareNodes(topic);
    if (remote.size === 0 && groups.isEmpty) return NONE;
    const filters = new Set<string>();
    for (const { filter } of groups.match(topic)) filters.add(filter);
    for (const filter of remote.keys()) filters.add(isAwayFilter(filter) ? filterOfAway(filter) : filter);
    const targets: ShareTarget[] = [];
    for (const filter of filters) {
      const target = this.#targetOf(filter, remote, {});
      if (target !== undefined) targets.push(target);
    }
    return targets;
  }

  /** Whether a group that matches the topic has a member anywhere; for the hot path. */
  isShared(topic: string): boolean {
    const { groups, shareNodes } = this.#options;
    return shareNodes(topic).size > 0 || groups.match(topic).length > 0;
  }

  /** A target for one group. Undefined when it has no member anywhere, but for the one to be left out. */
  targetOf(filter: string, topic: string, except: Except<S> = {}): ShareTarget | undefined {
    return this.#targetOf(filter, this.#options.shareNodes(topic), except);
  }

  /** A member here for what another broker has sent to this one: connected if possible. */
  localTarget(filter: string, except: Except<S> = {}): ShareTarget | undefined {
    return this.#here(filter, true, except) ?? this.#here(filter, false, except);
  }

  /** Whether a group has a connected member, here or elsewhere, beside the one to be left out. */
  hasConnected(filter: string, topic: string, { subscriber }: Except<S>): boolean {
    const { groups, isConnected, shareNodes } = this.#options;
    const members = groups.get(filter)?.members ?? [];
    if (members.some((member) => member.subscriber !== subscriber && isConnected(member.subscriber))) return true;
    return (shareNodes(topic).get(filter)?.length ?? 0) > 0;
  }

  #targetOf(
    filter: string,
    remote: ReadonlyMap<string, readonly string[]>,
    except: Except<S>,
  ): ShareTarget | undefined {
    return (
      this.#here(filter, true, except) ??
      this.#elsewhere(filter, remote.get(filter)) ??
      this.#here(filter, false, except) ??
      this.#elsewhere(filter, remote.get(awayFilterOf(filter)))
    );
  }

  #here(filter: string, connected: boolean, except: Except<S>): ShareTarget | undefined {
    const { brokerId, groups, clientIdOf, isConnected, loadOf } = this.#options;
    const fits = (subscriber: S): boolean => subscriber !== except.subscriber && isConnected(subscriber) === connected;
    const member = groups.get(filter)?.pick(fits, loadOf);
    return member === undefined ? undefined : { filter, broker: brokerId, clientId: clientIdOf(member.subscriber) };
  }

  #elsewhere(filter: string, brokers: readonly string[] | undefined): ShareTarget | undefined {
    if (brokers === undefined || brokers.length === 0) return undefined;
    const broker = rendezvous(`${filter}\0${this.#choices++}`, brokers);
    return broker === undefined ? undefined : { filter, broker };
  }
}
