import { ByteWriter } from '../../../core/bytes/index.ts';
import { isPrivate } from '../private-topics.ts';
import { BodyReader, encodeFrame, linkProtocolError } from '../wire/index.ts';
import { BUCKETS, bucketOf, FANOUT, type RetainedDigest, type RetainedKey, SUM_BYTES } from './retained-digest.ts';

/**
 * Finds where the retained messages of two neighbours differ, at a cost in proportion to the differences:
 *
 *   A sends the sums of its 64 groups (digest of level 0, 0.5 KiB)
 *   B answers with its bucket sums of the groups that differ (digest of level 1, 0.5 KiB each)
 *   A answers with its keys in the buckets that differ (keys)
 *   B sends what A lacks or has in an older form, tombstones among it (entries)
 *
 * B finds with it what A lacks; A begins likewise for what B lacks. Merging is last-writer-wins, so all this may be repeated
 * at any time, and a set that changes meanwhile costs no more than some bytes.
 */
const ROOT = 0;
const BUCKET_SUMS = 1;
const SUMS_BYTES = FANOUT * SUM_BYTES;
const TEXT_BYTES_MAX = 65_535;
/** A frame is closed above it; a last key or message may come on top, so it is well below 256 KiB. */
const FRAME_BYTES_CLOSED = 128 * 1024;

export interface RetainedMessage extends RetainedKey {
  /** Empty for a tombstone. */
  payload: Uint8Array;
  qos: 0 | 1 | 2;
}

/** The frame that begins a comparison. */
export function beginComparison(digest: RetainedDigest): Buffer {
  return encodeFrame('digest', Buffer.concat([Buffer.of(ROOT), digest.groups()]));
}

/** Whether a digest is the first frame of a comparison, by which its sender finds what it lacks. */
export function isBeginning(body: Buffer): boolean {
  return body[0] === ROOT;
}

/** The frames that answer a digest; none when nothing differs. `keys` is asked only if some bucket does. Throws LINK_PROTOCOL. */
export function onDigest(body: Buffer, digest: RetainedDigest, keys: () => Iterable<RetainedKey>): Buffer[] {
  if (body[0] === ROOT && body.length === 1 + SUMS_BYTES) {
    const differing = differences(body.subarray(1), digest.groups());
    const parts = differing.map((group) => Buffer.concat([Buffer.of(group), digest.bucketsOf(group)]));
    return parts.length === 0 ? [] : [encodeFrame('digest', Buffer.concat([Buffer.of(BUCKET_SUMS), ...parts]))];
  }
  if (body[0] !== BUCKET_SUMS || body.length > 1 + FANOUT * (1 + SUMS_BYTES))
    throw linkProtocolError(`A digest of ${body.length} bytes.`);
  const reader = new BodyReader(body, 1);
  const buckets = new Set<number>();
  while (reader.hasMore) {
    const group = reader.byte();
    if (group >= FANOUT) throw linkProtocolError(`A digest of the group ${group}.`);
    const sums = reader.bytes(SUMS_BYTES);
    for (const at of differences(sums, digest.bucketsOf(group))) buckets.add(group * FANOUT + at);
  }
  return buckets.size === 0 ? [] : keysFrames(buckets, keys());
}

function differences(theirs: Buffer, ours: Buffer): number[] {
  const differing: number[] = [];
  for (let at = 0; at < FANOUT; at++) {
    const [start, end] = [at * SUM_BYTES, (at + 1) * SUM_BYTES];
    if (theirs.compare(ours, start, end, start, end) !== 0) differing.push(at);
  }
  return differing;
}

/**
 * A keys frame is one or more of: bucket, the topic behind which the keys begin, u8 whether they go to the bucket's end (or
 * only to the last of them), how many, and the keys in the order of topics. So a bucket may span frames.
 */
function keysFrames(buckets: ReadonlySet<number>, keys: Iterable<RetainedKey>): Buffer[] {
  const sorted = new Map<number, RetainedKey[]>([...buckets].map((bucket) => [bucket, []]));
  for (const key of keys) if (!isPrivate(key.topic)) sorted.get(bucketOf(key.topic))?.push(key);
  const frames: Buffer[] = [];
  const writer = new ByteWriter();
  const flush = (): void => {
    frames.push(encodeFrame('keys', writer.written()));
    writer.reset();
  };
  for (const [bucket, members] of sorted) {
    members.sort((one, other) => compareText(one.topic, other.topic));
    let after = '';
    let at = 0;
    do {
      const part: RetainedKey[] = [];
      let bytes = writer.at;
      for (; at < members.length && bytes < FRAME_BYTES_CLOSED; at++) {
        const key = members[at] as RetainedKey;
        bytes += 3 * (key.topic.length + key.stampBroker.length) + 16;
        part.push(key);
      }
      const isLast = at === members.length;
      writer.varint(bucket);
      writer.text(after);
      writer.byte(isLast ? 1 : 0);
      writer.varint(part.length);
      for (const { topic, stampMs, stampBroker } of part) {
        writer.text(topic);
        writer.finite(stampMs);
        writer.text(stampBroker);
      }
      after = part.at(-1)?.topic ?? after;
      if (writer.at >= FRAME_BYTES_CLOSED || !isLast) flush();
    } while (at < members.length);
  }
  if (writer.at > 0) flush();
  return frames;
}

interface Part {
  after: string;
  /** Undefined: to the end of the bucket. */
  until: string | undefined;
}

/** The frames with what the sender of the keys lacks or has in an older form. Throws LINK_PROTOCOL. */
export function onKeys(body: Buffer, messages: () => Iterable<RetainedMessage>): Buffer[] {
  const reader = new BodyReader(body);
  const parts = new Map<number, Part>();
  const theirs = new Map<string, RetainedKey>();
  while (reader.hasMore) {
    const bucket = reader.varint(BUCKETS - 1);
    const after = reader.text(TEXT_BYTES_MAX);
    const isLast = reader.flag();
    const count = reader.varint(body.length);
    let last = after;
    for (let i = 0; i < count; i++) {
      const topic = reader.text(TEXT_BYTES_MAX);
      theirs.set(topic, { topic, stampMs: reader.finite(), stampBroker: reader.text(TEXT_BYTES_MAX) });
      last = topic;
    }
    // A bucket that spans frames stands once in each; more would cost time without end.
    if (parts.has(bucket)) throw linkProtocolError(`The bucket ${bucket} twice in a frame of keys.`);
    parts.set(bucket, { after, until: isLast ? undefined : last });
  }
  const isCovered = (topic: string): boolean => {
    const part = parts.get(bucketOf(topic));
    return part !== undefined && isWithin(topic, part);
  };
  return entriesFrames(messages(), (message) => {
    const known = theirs.get(message.topic);
    return isCovered(message.topic) && (known === undefined || isLater(message, known));
  });
}

/** The messages of an entries frame. Payloads are views of the body. Throws LINK_PROTOCOL. */
export function decodeEntries(body: Buffer): RetainedMessage[] {
  const reader = new BodyReader(body);
  const entries: RetainedMessage[] = [];
  while (reader.hasMore) {
    const topic = reader.text(TEXT_BYTES_MAX);
    if (topic === '' || isPrivate(topic)) throw linkProtocolError('A retained message that may not cross a link.');
    const stampMs = reader.finite();
    const stampBroker = reader.text(TEXT_BYTES_MAX);
    const qos = reader.byte();
    if (qos > 2) throw linkProtocolError(`A retained message of QoS ${qos}.`);
    entries.push({
      topic,
      stampMs,
      stampBroker,
      qos: qos as 0 | 1 | 2,
      payload: reader.bytes(reader.varint(body.length)),
    });
  }
  return entries;
}

function entriesFrames(messages: Iterable<RetainedMessage>, isWanted: (message: RetainedMessage) => boolean): Buffer[] {
  const frames: Buffer[] = [];
  const writer = new ByteWriter();
  const flush = (): void => {
    frames.push(encodeFrame('entries', writer.written()));
    writer.reset();
  };
  for (const message of messages) {
    const { topic, stampMs, stampBroker, qos, payload } = message;
    if (isPrivate(topic) || !isWanted(message)) continue;
    // A large payload gets a frame of its own.
    if (writer.at > 0 && writer.at + payload.length > FRAME_BYTES_CLOSED) flush();
    writer.text(topic);
    writer.finite(stampMs);
    writer.text(stampBroker);
    writer.byte(qos);
    writer.varint(payload.length);
    writer.bytes(payload);
  }
  if (writer.at > 0) flush();
  return frames;
}

function isWithin(topic: string, { after, until }: Part): boolean {
  return topic > after && (until === undefined || topic <= until);
}

function isLater(one: RetainedKey, other: RetainedKey): boolean {
  return one.stampMs !== other.stampMs ? one.stampMs > other.stampMs : one.stampBroker > other.stampBroker;
}

function compareText(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
