import { isPrivate } from '../private-topics.ts';
import { hash53 } from '../set-hash.ts';

/** What tells one retained message, or one that was deleted, from another. */
export interface RetainedKey {
  topic: string;
  stampMs: number;
  stampBroker: string;
}

/** Groups of buckets, and buckets in a group. */
export const FANOUT = 64;
export const BUCKETS = FANOUT * FANOUT;
/** A sum: two lanes of 32 bits. */
export const SUM_BYTES = 8;

/**
 * The sums over a set of retained messages, kept while it changes: topics fall into 64 x 64 buckets, and each bucket has the
 * sum of its keys' hashes, 64 bits in two lanes. A sum takes a key back as easily as it takes it in, in any order.
 */
export class RetainedDigest {
  readonly #sums = new Uint32Array(2 * BUCKETS);
  readonly #groupSums = new Uint32Array(2 * FANOUT);

  /** Of a message or a tombstone that is new in the set. `$SYS` is passed over. */
  add(key: RetainedKey): void {
    this.#change(key, 1);
  }

  /** Of exactly what was added. */
  remove(key: RetainedKey): void {
    this.#change(key, -1);
  }

  /** The sums of the groups, in bytes. */
  groups(): Buffer {
    return bytesOf(this.#groupSums);
  }

  /** The sums of a group's buckets, in bytes. */
  bucketsOf(group: number): Buffer {
    return bytesOf(this.#sums.subarray(2 * FANOUT * group, 2 * FANOUT * (group + 1)));
  }

  #change({ topic, stampMs, stampBroker }: RetainedKey, sign: 1 | -1): void {
    if (isPrivate(topic)) return;
    const [low, high] = hash53(`${topic}\0${stampMs}\0${stampBroker}`);
    const bucket = bucketOf(topic);
    addTo(this.#sums, bucket, sign * low, sign * high);
    addTo(this.#groupSums, groupOf(bucket), sign * low, sign * high);
  }
}

/** Uint32Array takes sums modulo 2^32. */
function addTo(sums: Uint32Array, at: number, low: number, high: number): void {
  sums[2 * at] = (sums[2 * at] as number) + low;
  sums[2 * at + 1] = (sums[2 * at + 1] as number) + high;
}

function bytesOf(sums: Uint32Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 * sums.length);
  sums.forEach((sum, i) => {
    bytes.writeUInt32BE(sum, 4 * i);
  });
  return bytes;
}

export function bucketOf(topic: string): number {
  return hash53(topic)[0] % BUCKETS;
}

export function groupOf(bucket: number): number {
  return Math.floor(bucket / FANOUT);
}
