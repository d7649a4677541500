import type { KeyRange, WatchBatch, WatchEvent } from '../types.ts';
import { rangeIncludes } from './keys.ts';

/** What is kept of the past; the state machine has it. */
export interface WatchHistory {
  readonly revision: number;
  /** The oldest revision that can be watched from. */
  readonly compactedRevision: number;
  /** In the order in which they were made. */
  eventsAt(revision: number): WatchEvent[];
}

/** `more` tells that there is more to take. `compacted`: what comes next is gone, and the watcher with it. */
export type Taken =
  | { type: 'batches'; batches: WatchBatch[]; more: boolean }
  | { type: 'compacted'; compactedRevision: number };

interface Watcher {
  readonly id: string;
  readonly range: KeyRange;
  /** The next revision that it has to see, while there is anything for it; else it waits for what comes. */
  nextRevision: number;
  behind: boolean;
}

/**
 * Gives every watcher the revisions that change its range, whole, in order, each once. Nothing is queued for a watcher: it
 * is a place in the history, and takes from there as fast as it can. So a slow one costs nothing, and the bound is that of
 * the history: one that is overtaken by compaction is told so (etcd's "unsynced" watchers, for all).
 */
export class WatchHub {
  readonly #history: WatchHistory;
  readonly #watchers = new Map<string, Watcher>();
  /** Those of a single key, by it: most watch one, and a change should not ask them all. */
  readonly #byKey = new Map<string, Set<Watcher>>();
  readonly #ofRanges = new Set<Watcher>();
  #compactedCount = 0;

  constructor(history: WatchHistory) {
    this.#history = history;
  }

  get size(): number {
    return this.#watchers.size;
  }

  /** Watchers that compaction overtook, since the start. */
  get compactedCount(): number {
    return this.#compactedCount;
  }

  /** Watches from the revision on, default from the next one. The id is the caller's, and is not in use. True: take at once. */
  watch(id: string, range: KeyRange, fromRevision = this.#history.revision + 1): boolean {
    const behind = fromRevision <= this.#history.revision;
    const watcher = { id, range, nextRevision: fromRevision, behind };
    this.#watchers.set(id, watcher);
    if ('key' in range) {
      const sameKey = this.#byKey.get(range.key);
      if (sameKey) sameKey.add(watcher);
      else this.#byKey.set(range.key, new Set([watcher]));
    } else {
      this.#ofRanges.add(watcher);
    }
    return behind;
  }

  cancel(id: string): void {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return;
    this.#watchers.delete(id);
    this.#ofRanges.delete(watcher);
    if (!('key' in watcher.range)) return;
    const sameKey = this.#byKey.get(watcher.range.key);
    sameKey?.delete(watcher);
    if (sameKey?.size === 0) this.#byKey.delete(watcher.range.key);
  }

  /** A revision was made. Returns the watchers that now have something to take and had nothing before. */
  publish({ revision, events }: WatchBatch): string[] {
    const woken: string[] = [];
    const wake = (watcher: Watcher) => {
      if (watcher.behind || watcher.nextRevision > revision) return;
      watcher.behind = true;
      watcher.nextRevision = revision;
      woken.push(watcher.id);
    };
    for (const event of events) this.#byKey.get(keyOf(event))?.forEach(wake);
    for (const watcher of this.#ofRanges) {
      if (!watcher.behind && events.some((event) => rangeIncludes(watcher.range, keyOf(event)))) wake(watcher);
    }
    return woken;
  }

  /**
   * The history was replaced by a newer one (a snapshot came from the leader), whose revisions were not published. Returns
   * the watchers that have to take.
   */
  replaced(previousRevision: number): string[] {
    const woken: string[] = [];
    for (const watcher of this.#watchers.values()) {
      if (watcher.behind) continue;
      watcher.nextRevision = Math.max(watcher.nextRevision, previousRevision + 1);
      watcher.behind = watcher.nextRevision <= this.#history.revision;
      if (watcher.behind) woken.push(watcher.id);
    }
    return woken;
  }

  /** What comes next for the watcher: whole revisions until there are eventsMax events, or revisionsMax were looked at. */
  take(id: string, { eventsMax = 1_000, revisionsMax = 10_000 } = {}): Taken {
    const watcher = this.#watchers.get(id);
    const batches: WatchBatch[] = [];
    if (!watcher?.behind) return { type: 'batches', batches, more: false };
    const { revision: newest, compactedRevision } = this.#history;
    if (watcher.nextRevision < compactedRevision) {
      this.cancel(id);
      this.#compactedCount++;
      return { type: 'compacted', compactedRevision };
    }
    let revision = watcher.nextRevision;
    const end = Math.min(newest, revision + revisionsMax - 1);
    for (let count = 0; revision <= end && count < eventsMax; revision++) {
      const events = this.#history.eventsAt(revision).filter((event) => rangeIncludes(watcher.range, keyOf(event)));
      if (events.length > 0) batches.push({ revision, events });
      count += events.length;
    }
    watcher.nextRevision = revision;
    watcher.behind = revision <= newest;
    return { type: 'batches', batches, more: watcher.behind };
  }
}

function keyOf(event: WatchEvent): string {
  return event.type === 'put' ? event.keyValue.key : event.key;
}
