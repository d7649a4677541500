import { z } from 'zod';

/** Filters of one broker. Other brokers refuse and count what goes beyond. */
export const FILTERS_MAX = 1_000_000;
const FRAME_TEXT_BYTES_MAX = 256 * 1024;

const filters = z.array(z.string().min(1).max(1_024));

/** Changes the filters of version `base` of a broker into those of `version`; base 0 is the empty set. */
export const interestFrameSchema = z.object({
  type: z.literal('interest'),
  node: z.string().min(1).max(64),
  boot: z.string().min(1).max(128),
  version: z.int().min(1),
  base: z.int().min(0),
  /** Of the whole set after this version; see SetHash. */
  hash: z.string().max(32),
  add: filters,
  remove: filters,
  /** The change goes on in the next frame, and takes effect with the last. */
  more: z.boolean(),
});

export type InterestFrame = z.infer<typeof interestFrameSchema>;

/** One version of a broker's filters. Versions of one boot follow each other; those of two boots are not compared. */
export interface InterestVersion {
  boot: string;
  version: number;
  hash: string;
}

/** A change in as many frames as it takes; each has at most 256 KiB of JSON text in its lists. */
export function interestFrames(
  head: InterestVersion & { node: string; base: number },
  change: { add: Iterable<string>; remove: Iterable<string> },
): InterestFrame[] {
  const { node, boot, version, base, hash } = head;
  const begin = (): InterestFrame => {
    return { type: 'interest', node, boot, version, base, hash, add: [], remove: [], more: false };
  };
  let frame = begin();
  const frames = [frame];
  let textBytes = 0;
  const place = (list: 'add' | 'remove', filter: string): void => {
    const filterBytes = Buffer.byteLength(JSON.stringify(filter)) + 1;
    textBytes += filterBytes;
    if (textBytes > FRAME_TEXT_BYTES_MAX) {
      frame.more = true;
      frame = begin();
      frames.push(frame);
      textBytes = filterBytes;
    }
    frame[list].push(filter);
  };
  for (const filter of change.remove) place('remove', filter);
  for (const filter of change.add) place('add', filter);
  return frames;
}
