import type { KeyValue } from '../types.ts';

/** What the bookkeeping of one change takes beside its key and value, roughly. */
const CHANGE_OVERHEAD_BYTES = 200;

/** The changes of one key that are kept, oldest first. One of version 0 is a tombstone: there the key was deleted. */
export interface KeyHistory {
  readonly key: string;
  readonly changes: KeyValue[];
}

/** What a change of this key to this value takes. */
export function changeBytes(key: string, value: string): number {
  return Buffer.byteLength(key) + Buffer.byteLength(value) + CHANGE_OVERHEAD_BYTES;
}

export function unlessTombstone(change: KeyValue | undefined): KeyValue | undefined {
  return change === undefined || change.version === 0 ? undefined : change;
}

/** Index of the last change at or before the revision, or -1. */
export function lastAt(changes: readonly KeyValue[], revision: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (changes[middle]!.modRevision <= revision) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
