import { BodyReader, isPrivate } from './batch.ts';
import { encodeFrame, linkProtocolError } from './frames.ts';
import type { RetainedEntry } from './port.ts';

/**
 * Finds where two sets of retained messages differ, at a cost in proportion to the differences.
 *
 * Topics fall into 256 buckets; a digest is one 64-bit sum per bucket over (topic, stamp). A sends its digest (2 KiB); B
 * answers with the keys (topic and stamp) that it has in the buckets that differ; A sends the messages that B lacks or has
 * in an older form, tombstones among them. Both ends do this for their own side, and merging is last-writer-wins, so it may
 * be repeated at any time.
 */
export const BUCKETS = 256;
const DIGEST_BYTES = BUCKETS * 8;
const BITMAP_BYTES = BUCKETS / 8;
const KEYS_FRAME_BYTES = 256 * 1024;

export type RetainedKey = Pick<RetainedEntry, 'topic' | 'stampMs' | 'stampBroker'>;

export interface KeysFrame {
  /** The buckets that the frame covers. */
  covers: (bucket: number) => boolean;
  keys: Map<string, RetainedKey>;
}

export function encodeDigest(entries: Iterable<RetainedKey>): Buffer {
  return encodeFrame('digest', digestOf(entries));
}

function digestOf(entries: Iterable<RetainedKey>): Buffer {
  const sums = new Uint32Array(BUCKETS * 2);
  for (const { topic, stampMs, stampBroker } of entries) {
    if (isPrivate(topic)) continue;
    const [low, high] = hash53(`${topic}\0${stampMs}\0${stampBroker}`);
    const bucket = bucketOf(topic);
    sums[2 * bucket] = (sums[2 * bucket] as number) ^ low;
    sums[2 * bucket + 1] = ((sums[2 * bucket + 1] as number) + high) >>> 0;
  }
  const digest = Buffer.allocUnsafe(DIGEST_BYTES);
  for (let i = 0; i < sums.length; i++) digest.writeUInt32BE(sums[i] as number, i * 4);
  return digest;
}

/** The frames that answer a peer's digest: our keys of the buckets that differ; none when none does. Throws LINK_PROTOCOL. */
export function answerDigest(body: Buffer, entries: () => Iterable<RetainedKey>): Buffer[] {
  if (body.length !== DIGEST_BYTES) throw linkProtocolError(`A digest of ${body.length} bytes.`);
  const ours = digestOf(entries());
  const differing: RetainedKey[][] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if (ours.compare(body, bucket * 8, bucket * 8 + 8, bucket * 8, bucket * 8 + 8) !== 0) differing[bucket] = [];
  }
  if (differing.length === 0) return [];
  for (const entry of entries()) if (!isPrivate(entry.topic)) differing[bucketOf(entry.topic)]?.push(entry);
  const frames: Buffer[] = [];
  let bitmap = Buffer.alloc(BITMAP_BYTES);
  let parts: Buffer[] = [];
  let bytes = 0;
  const flush = (): void => {
    frames.push(encodeFrame('keys', Buffer.concat([bitmap, ...parts])));
    bitmap = Buffer.alloc(BITMAP_BYTES);
    parts = [];
    bytes = 0;
  };
  differing.forEach((keys, bucket) => {
    if (bytes > KEYS_FRAME_BYTES) flush();
    bitmap[bucket >> 3] = (bitmap[bucket >> 3] as number) | (1 << (bucket & 7));
    for (const key of keys) {
      const part = encodeKey(key);
      parts.push(part);
      bytes += part.length;
    }
  });
  flush();
  return frames;
}

function encodeKey({ topic, stampMs, stampBroker }: RetainedKey): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const brokerBytes = Buffer.byteLength(stampBroker);
  const key = Buffer.allocUnsafe(11 + topicBytes + brokerBytes);
  let at = key.writeUInt16BE(topicBytes, 0);
  at += key.write(topic, at);
  at = key.writeDoubleBE(stampMs, at);
  key[at] = brokerBytes;
  key.write(stampBroker, at + 1);
  return key;
}

/** Throws LINK_PROTOCOL. */
export function decodeKeys(body: Buffer): KeysFrame {
  const reader = new BodyReader(body);
  const bitmap = reader.bytes(BITMAP_BYTES);
  const keys = new Map<string, RetainedKey>();
  while (reader.hasMore) {
    const topic = reader.text(reader.uint(2));
    const stampMs = reader.finite();
    keys.set(topic, { topic, stampMs, stampBroker: reader.text(reader.uint(1)) });
  }
  return { covers: (bucket) => ((bitmap[bucket >> 3] as number) & (1 << (bucket & 7))) !== 0, keys };
}

/** Of our entries, those that the sender of the keys lacks or has in an older form. */
export function missingAt({ covers, keys }: KeysFrame, entries: Iterable<RetainedEntry>): RetainedEntry[] {
  const missing: RetainedEntry[] = [];
  for (const entry of entries) {
    if (isPrivate(entry.topic) || !covers(bucketOf(entry.topic))) continue;
    const theirs = keys.get(entry.topic);
    if (theirs === undefined || isLater(entry, theirs)) missing.push(entry);
  }
  return missing;
}

function isLater(one: RetainedKey, other: RetainedKey): boolean {
  return one.stampMs !== other.stampMs ? one.stampMs > other.stampMs : one.stampBroker > other.stampBroker;
}

export function bucketOf(topic: string): number {
  return hash53(topic)[0] % BUCKETS;
}

/** cyrb53 (bryc, public domain): two mixed 32-bit lanes; quick, and good enough to tell sets apart that nobody forges. */
function hash53(text: string): [low: number, high: number] {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ unit, 2_654_435_761);
    h2 = Math.imul(h2 ^ unit, 1_597_334_677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2_246_822_507) ^ Math.imul(h2 ^ (h2 >>> 13), 3_266_489_909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2_246_822_507) ^ Math.imul(h1 ^ (h1 >>> 13), 3_266_489_909);
  return [h1 >>> 0, h2 >>> 0];
}
