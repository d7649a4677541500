/*
 * NTP's fixed-point numbers (RFC 5905, section 6). A stamp is 64 bits: seconds since 1900 modulo 2^32, and 32 bits of fraction;
 * 0 means "not known". A short is 16 bits of seconds and 16 of fraction.
 *
 * The seconds wrap in February 2036. As RFC 4330, section 3, has it, a stamp with its first bit set lies in the era that began in
 * 1900 and any other in the one of 2036, so that a machine that does not know the time yet reads 1968 to 2104 rightly.
 */

/** Seconds from 1900-01-01 to 1970-01-01. */
const UNIX_EPOCH_S = 2_208_988_800;
const ERA_S = 2 ** 32;
const FRACTIONS_PER_MS = 2 ** 32 / 1_000;
const SHORTS_PER_MS = 2 ** 16 / 1_000;
const SHORT_MAX = 2 ** 32 - 1;

/** "Not known". */
export const NO_STAMP = 0n;

/**
 * ms since 1970-01-01 UTC, from 1968 to 2104 at 2^-32 s. A double of the present resolves 0.24 µs, and comes back unchanged through
 * stampToMs. The instant whose stamp would be NO_STAMP is told one fraction late.
 */
export function stampOfMs(ms: number): bigint {
  const unixS = Math.floor(ms / 1_000);
  const fraction = Math.round((ms - unixS * 1_000) * FRACTIONS_PER_MS);
  const stamp = BigInt.asUintN(64, (BigInt(unixS + UNIX_EPOCH_S) << 32n) + BigInt(fraction));
  return stamp === NO_STAMP ? 1n : stamp;
}

/** ms since 1970-01-01 UTC, from 1968 to 2104. Says nothing of NO_STAMP: that is for the caller to see. */
export function stampToMs(stamp: bigint): number {
  const seconds = Number(stamp >> 32n);
  const unixS = (seconds >= ERA_S / 2 ? seconds : seconds + ERA_S) - UNIX_EPOCH_S;
  return unixS * 1_000 + Number(stamp & 0xffff_ffffn) / FRACTIONS_PER_MS;
}

/** An amount of ms from 0 to 65,536 s, rounded up, since shorts tell how far something may be wrong; what is more is told as the most. */
export function shortOfMs(ms: number): number {
  // What was a short comes back as it was, whatever the rounding of the way.
  return Math.min(SHORT_MAX, Math.max(0, Math.ceil(ms * SHORTS_PER_MS - 1e-6)));
}

export function shortToMs(short: number): number {
  return short / SHORTS_PER_MS;
}
