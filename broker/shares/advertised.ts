import type { ShareGroups } from '../state/index.ts';

/**
 * How brokers tell each other of members: `$share/{group}/{filter}` when one is connected, and with a mark before the group
 * when all of them have kept sessions and are away. A group of a client cannot begin with the mark.
 */
const PREFIX = '$share/';
const AWAY_PREFIX = '$share/~';

/** Whether a share filter is in use between brokers, and no client may have it. */
export function isAwayFilter(filter: string): boolean {
  return filter.startsWith(AWAY_PREFIX);
}

export function awayFilterOf(filter: string): string {
  return AWAY_PREFIX + filter.slice(PREFIX.length);
}

/** The share filter whose members are away. */
export function filterOfAway(filter: string): string {
  return PREFIX + filter.slice(AWAY_PREFIX.length);
}

/** What this broker tells the others of its members. */
export class AdvertisedShares<S> {
  readonly #groups: ShareGroups<S>;
  readonly #isConnected: (subscriber: S) => boolean;
  /** By share filter. */
  readonly #advertised = new Map<string, string>();
  /** Called with each filter that is advertised from now on, or no more. */
  onChanged: (filter: string, isAdvertised: boolean) => void = () => {};

  constructor(groups: ShareGroups<S>, isConnected: (subscriber: S) => boolean) {
    this.#groups = groups;
    this.#isConnected = isConnected;
    groups.onChanged = (filter) => this.refresh(filter);
    for (const filter of groups.filters()) this.refresh(filter);
  }

  filters(): IterableIterator<string> {
    return this.#advertised.values();
  }

  /** To be called when the members of a group, or the connections of one, have changed. */
  refresh(filter: string): void {
    const members = this.#groups.get(filter)?.members ?? [];
    const isConnected = members.some(({ subscriber }) => this.#isConnected(subscriber));
    const wanted = members.length === 0 ? undefined : isConnected ? filter : awayFilterOf(filter);
    const present = this.#advertised.get(filter);
    if (wanted === present) return;
    if (wanted === undefined) this.#advertised.delete(filter);
    else this.#advertised.set(filter, wanted);
    if (wanted !== undefined) this.onChanged(wanted, true);
    if (present !== undefined) this.onChanged(present, false);
  }
}
