import { LatticeError } from '../../../core/errors/index.ts';
import type { KeyRange, KeyValue, WatchBatch, WatchEvent } from '../types.ts';
import { changeBytes, type KeyHistory, lastAt, unlessTombstone } from './key-history.ts';
import { KeyIndex } from './key-index.ts';
import { rangeIncludes, rangeStart } from './keys.ts';

/** As in etcd: an empty store is at revision 1, and the first change makes it 2. */
const FIRST_REVISION = 1;

/**
 * Keys with their history. A revision is what one transaction changed, and a key changes at most once in a revision; what
 * is changed is seen at once, and becomes a revision with `commit`.
 *
 * History is kept twice: by key, for reads as of a revision, and by revision, for watches and for compaction, which looks
 * only at the keys that changed.
 */
export class MvccStore {
  readonly #index = new KeyIndex<KeyHistory>();
  /** The changes of each revision from #logFrom on, in the order in which they were made. */
  #log: KeyValue[][] = [];
  #logFrom = FIRST_REVISION + 1;
  #uncommitted: KeyValue[] = [];
  #uncommittedEvents: WatchEvent[] = [];
  #revision = FIRST_REVISION;
  #compactedRevision = 0;
  #keys = 0;
  #bytes = 0;

  get revision(): number {
    return this.#revision;
  }

  /** Below it nothing can be read or watched. */
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** Keys that are there now. */
  get keys(): number {
    return this.#keys;
  }

  /** Of everything that is kept, history included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Something was changed that is not committed. */
  get changed(): boolean {
    return this.#uncommitted.length > 0;
  }

  get(key: string): KeyValue | undefined {
    return unlessTombstone(this.#index.get(key)?.changes.at(-1));
  }

  /**
   * In the order of keys, at most `limit`; as of the revision, default the newest. Throws REVISION_COMPACTED or
   * REVISION_IN_FUTURE.
   */
  range(range: KeyRange, options: { revision?: number; limit?: number } = {}) {
    const { revision, limit = Number.POSITIVE_INFINITY } = options;
    if (revision !== undefined) this.#checkReadable(revision);
    const keyValues: KeyValue[] = [];
    for (const history of this.#histories(range)) {
      const found = unlessTombstone(
        revision === undefined ? history.changes.at(-1) : history.changes[lastAt(history.changes, revision)],
      );
      if (found === undefined) continue;
      if (keyValues.length === limit) return { keyValues, hasMore: true };
      keyValues.push(found);
    }
    return { keyValues, hasMore: false };
  }

  /** Returns what the key was before. */
  put(key: string, value: string, leaseId: string): KeyValue | undefined {
    const history = this.#index.get(key);
    const previous = unlessTombstone(history?.changes.at(-1));
    const modRevision = this.#revision + 1;
    const keyValue: KeyValue = {
      // The same text once, however often it changes.
      key: history?.key ?? key,
      value,
      createRevision: previous?.createRevision ?? modRevision,
      modRevision,
      version: (previous?.version ?? 0) + 1,
      leaseId,
    };
    this.#change(history, keyValue);
    this.#uncommittedEvents.push(previous ? { type: 'put', keyValue, previous } : { type: 'put', keyValue });
    return previous;
  }

  /** Returns what was deleted, in the order of keys. */
  delete(range: KeyRange): KeyValue[] {
    const deleted = this.range(range).keyValues;
    const revision = this.#revision + 1;
    for (const previous of deleted) {
      const { key } = previous;
      const tombstone = { key, value: '', createRevision: 0, modRevision: revision, version: 0, leaseId: '' };
      this.#change(this.#index.get(key), tombstone);
      this.#uncommittedEvents.push({ type: 'delete', key, revision, previous });
    }
    return deleted;
  }

  /** Makes a revision of what was changed since the last one; undefined when nothing was. */
  commit(): WatchBatch | undefined {
    if (this.#uncommitted.length === 0) return undefined;
    const events = this.#uncommittedEvents;
    this.#revision++;
    this.#log.push(this.#uncommitted);
    this.#uncommitted = [];
    this.#uncommittedEvents = [];
    return { revision: this.#revision, events };
  }

  /** The events of a revision from compactedRevision to the newest; the previous values of the oldest are gone. */
  eventsAt(revision: number): WatchEvent[] {
    const changes = this.#log[revision - this.#logFrom] ?? [];
    return changes.map((change): WatchEvent => {
      const kept = this.#index.get(change.key)!.changes;
      const previous = unlessTombstone(kept[lastAt(kept, revision) - 1]);
      const before = previous ? { previous } : {};
      if (change.version === 0) return { type: 'delete', key: change.key, revision, ...before };
      return { type: 'put', keyValue: change, ...before };
    });
  }

  /** Forgets what only reads and watches below the revision need. Throws REVISION_COMPACTED or REVISION_IN_FUTURE. */
  compact(revision: number): void {
    this.#checkReadable(revision);
    if (revision === this.#compactedRevision) throw compacted(revision, this.#compactedRevision);
    this.#compactedRevision = revision;
    const through = Math.max(0, revision - this.#logFrom + 1);
    for (const changes of this.#log.slice(0, through)) {
      for (const { key } of changes) this.#trim(key);
    }
    this.#log.splice(0, Math.max(0, through - 1));
    this.#logFrom = Math.max(this.#logFrom, revision);
  }

  /** What is left of keys that have not changed since the compacted revision, in the order of keys. */
  *settled(): Generator<KeyValue> {
    for (const { changes } of this.#index.from('')) {
      if (changes[0]!.modRevision < this.#logFrom) yield changes[0]!;
    }
  }

  /** The changes of every revision that is kept, the oldest first. */
  history(): readonly (readonly KeyValue[])[] {
    return this.#log;
  }

  /** The store that settled() and history() were taken from. */
  static restore(from: {
    revision: number;
    compactedRevision: number;
    settled: Iterable<KeyValue>;
    history: KeyValue[][];
  }): MvccStore {
    const store = new MvccStore();
    for (const keyValue of from.settled) store.#change(undefined, keyValue);
    for (const changes of from.history) {
      for (const change of changes) store.#change(store.#index.get(change.key), change);
    }
    store.#uncommitted = [];
    store.#log = from.history;
    store.#logFrom = from.revision - from.history.length + 1;
    store.#revision = from.revision;
    store.#compactedRevision = from.compactedRevision;
    return store;
  }

  #change(history: KeyHistory | undefined, change: KeyValue): void {
    const wasThere = unlessTombstone(history?.changes.at(-1)) !== undefined;
    if (history) history.changes.push(change);
    else this.#index.add({ key: change.key, changes: [change] });
    this.#keys += Number(change.version > 0) - Number(wasThere);
    this.#bytes += changeBytes(change.key, change.value);
    this.#uncommitted.push(change);
  }

  /** Drops what nobody can read any more. A tombstone at the compacted revision itself stays: it can still be watched. */
  #trim(key: string): void {
    const history = this.#index.get(key);
    if (history === undefined) return;
    const last = lastAt(history.changes, this.#compactedRevision);
    const newest = history.changes[last];
    if (newest === undefined) return;
    const gone = newest.version === 0 && newest.modRevision < this.#compactedRevision;
    for (const change of history.changes.splice(0, gone ? last + 1 : last)) {
      this.#bytes -= changeBytes(change.key, change.value);
    }
    if (history.changes.length === 0) this.#index.delete(key);
  }

  #checkReadable(revision: number): void {
    if (revision < this.#compactedRevision) throw compacted(revision, this.#compactedRevision);
    if (revision > this.#revision) {
      throw new LatticeError(
        'REVISION_IN_FUTURE',
        `Revision ${revision} was asked for, the store is at ${this.#revision}.`,
      );
    }
  }

  *#histories(range: KeyRange): Generator<KeyHistory> {
    if ('key' in range) {
      const history = this.#index.get(range.key);
      if (history) yield history;
      return;
    }
    for (const history of this.#index.from(rangeStart(range))) {
      if (!rangeIncludes(range, history.key)) return;
      yield history;
    }
  }
}

function compacted(revision: number, compactedRevision: number): LatticeError {
  const detail = `Revision ${revision} was asked for, history begins at ${compactedRevision}.`;
  return new LatticeError('REVISION_COMPACTED', detail);
}
