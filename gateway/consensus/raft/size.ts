import type { Entry } from './types.ts';

export const NO_LIMIT = Number.POSITIVE_INFINITY;

/** Bytes of an unsigned integer as a protobuf varint: seven bits in a byte. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest /= 128) bytes++;
  return bytes;
}

/**
 * Bytes of an entry in the encoding of raftpb, which every size limit counts in. That encoding is the measure whatever
 * the wire uses, so that the limits act as they do in etcd.
 */
export function entryBytes(entry: Entry): number {
  const dataBytes = entry.data.length;
  // Three tags and the type, one byte each; empty data is not written.
  const headBytes = 4 + varintBytes(entry.term) + varintBytes(entry.index);
  return dataBytes === 0 ? headBytes : headBytes + 1 + varintBytes(dataBytes) + dataBytes;
}

export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (let at = 0; at < entries.length; at++) bytes += entryBytes(entries[at]!);
  return bytes;
}

/** Bytes of the data alone: what proposals are accounted by, since it stays the same when the term or index changes. */
export function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (let at = 0; at < entries.length; at++) bytes += entries[at]!.data.length;
  return bytes;
}

/**
 * How many of entries[from, to) fit in bytesMax, at least one: an entry above the limit has to pass too, or it would
 * stop the log for good.
 */
export function countWithin(entries: readonly Entry[], from: number, to: number, bytesMax: number): number {
  if (bytesMax === NO_LIMIT || to - from <= 1) return to - from;
  let bytes = entryBytes(entries[from]!);
  for (let at = from + 1; at < to; at++) {
    bytes += entryBytes(entries[at]!);
    if (bytes > bytesMax) return at - from;
  }
  return to - from;
}
