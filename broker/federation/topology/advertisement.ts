import { z } from 'zod';

/** Links that one broker may have. */
export const NEIGHBOURS_MAX = 256;

const name = z.string().min(1).max(64);
const token = z.string().min(1).max(128);

/**
 * Sequences further apart than this are no two moments of one broker's life, at one statement in a millisecond for 49 days
 * without a restart of all: one of them is wrong.
 */
export const SEQUENCE_JUMP_MAX = 2 ** 32;

/**
 * What a broker says of itself and its links; flooded to everybody.
 *
 * A statement is known by (node, sequence, boot). `boot` is random per start of the process, `incarnation` is that of its
 * journal. The upper bound of the sequence leaves its owner room to go above whatever it hears.
 */
export const advertisementSchema = z.object({
  node: name,
  incarnation: token,
  boot: token,
  sequence: z
    .int()
    .min(1)
    .max(2 ** 48),
  /** The brokers it has a live link to. */
  neighbours: z.array(name).max(NEIGHBOURS_MAX),
  /** A leaf carries no traffic between others. */
  isLeaf: z.boolean(),
  /** The version and the hash of its filters, so that a difference shows and is healed by a pull; 0 before the first. */
  interestVersion: z.int().min(0),
  interestHash: z.string().max(32),
});

export type Advertisement = z.infer<typeof advertisementSchema>;

/** What a broker may change in its own advertisement while it runs. */
export type AdvertisementChange = Partial<
  Pick<Advertisement, 'incarnation' | 'neighbours' | 'interestVersion' | 'interestHash'>
>;

/**
 * Positive when a sequence is news to one who knows the other, negative when it is old. Of two that are too far apart the lower
 * is right: a broker begins at 1, so only a fault can be that high, and going above it would end at the bound.
 */
export function compareSequences(one: number, other: number): number {
  const ahead = one - other;
  return areFarApart(one, other) ? -ahead : ahead;
}

export function areFarApart(one: number, other: number): boolean {
  return Math.abs(one - other) > SEQUENCE_JUMP_MAX;
}

/**
 * Positive when `one` takes the place of `other`, 0 when they are the same statement. The boot decides between equal
 * sequences: which of the two wins does not matter, only that all brokers pick the same one until the owner speaks again.
 */
export function compareAge(one: Advertisement, other: Advertisement): number {
  if (one.sequence !== other.sequence) return compareSequences(one.sequence, other.sequence);
  if (one.boot === other.boot) return 0;
  return one.boot > other.boot ? 1 : -1;
}

/** Whether two advertisements of one node give the same routes. */
export function sameLinks(one: Advertisement, other: Advertisement): boolean {
  return one.isLeaf === other.isLeaf && sameNames(one.neighbours, other.neighbours);
}

export function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, at) => name === other[at]);
}
