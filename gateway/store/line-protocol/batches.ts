import type { Point } from '../../../core/wire/index.ts';
import type { RejectedPoint, WriteResult } from '../types.ts';
import { type EncodedPoint, encodePoint, lineOf } from './encode.ts';

export type WritablePoint = Exclude<EncodedPoint, { fault: string }>;

/**
 * Sends points as one request. Returns the store's reason when it refused some of them (it does not say which), undefined
 * when it has them all; rejects when nothing is known to be stored.
 */
export type SendPoints = (points: readonly WritablePoint[]) => Promise<string | undefined>;

/** Points and bytes of one request, well below the 25 MB that a store takes. */
const BATCH_POINTS_MAX = 10_000;
const BATCH_CHARS_MAX = 8_000_000;

interface Entry {
  index: number;
  encoded: WritablePoint;
}

/**
 * Writes points and finds out which of them a store refuses. It stores the good points of a request that it answers with
 * 400, but does not name the bad ones, so a refused request is halved until they stand alone. Halves that were stored
 * before are stored again, which changes nothing: the identity of a point is its series and its stamp.
 */
export async function writeInBatches(points: readonly Point[], send: SendPoints): Promise<WriteResult> {
  const rejected: RejectedPoint[] = [];
  let batch: Entry[] = [];
  let chars = 0;
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await sendHalving(batch, send, rejected);
    batch = [];
    chars = 0;
  };
  for (const [index, point] of points.entries()) {
    const encoded = encodePoint(point);
    if ('fault' in encoded) {
      rejected.push({ index, reason: encoded.fault });
      continue;
    }
    batch.push({ index, encoded });
    chars += lineOf(encoded).length;
    if (batch.length >= BATCH_POINTS_MAX || chars >= BATCH_CHARS_MAX) await flush();
  }
  await flush();
  return { rejected: rejected.sort((a, b) => a.index - b.index) };
}

async function sendHalving(entries: readonly Entry[], send: SendPoints, rejected: RejectedPoint[]): Promise<void> {
  const reason = await send(entries.map((entry) => entry.encoded));
  if (reason === undefined) return;
  if (entries.length === 1) {
    rejected.push({ index: (entries[0] as Entry).index, reason });
    return;
  }
  const middle = entries.length >> 1;
  await sendHalving(entries.slice(0, middle), send, rejected);
  await sendHalving(entries.slice(middle), send, rejected);
}
