import { LatticeError } from '../errors/index.ts';

/*
 * A hybrid logical clock: Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks" (OPODIS 2014), figure 5.
 *
 * A stamp has a physical part l, the greatest wall time that was heard of, in whole ms, and a counter c, which tells events
 * of the same l apart. Here it is one number of ms: l + c / 1024. Greater is later, and a float64 holds it exactly until the
 * year 2248, so that whole ms from before are stamps too. With h for the stamp, the two rules of the paper become
 *
 *   send or local event:   h = max(h + 1/1024, pt)
 *   receive of m:          h = max(h + 1/1024, m + 1/1024, pt)
 *
 * since pt is a whole ms, and so either beats l, and c begins at 0, or adds nothing. A counter that is full carries into l:
 * a thousand events within one ms put the clock one ms ahead and keep its order.
 *
 * A stamp that lies too far ahead of the own wall time is refused, and leaves no trace: one wrong clock would else drag
 * along every other.
 */

export interface HlcOptions {
  /** How far ahead of the own wall time the stamp of another may lie, in ms; the uncertainty of that time comes on top. */
  aheadMsMax: number;
}

/** Stamps of one l. */
export const HLC_COUNTS = 1_024;
const TICK_MS = 1 / HLC_COUNTS;
/** A stamp in bytes: 48 bits of ms and 16 of the counter, big-endian, so that bytes compare as stamps do. */
export const HLC_BYTES = 8;
const PHYSICAL_BYTES = 6;
/** Wall time above is taken for this, some weeks before a float64 has no room for the counter. */
const PHYSICAL_MS_MAX = 2 ** 43 - 2 ** 32;
/** What a node may be ahead of another by default. */
export const HLC_AHEAD_MS_MAX = 60_000;

/** The clock of one node. Wall time, in ms since 1970, is handed in; it may jump. */
export class Hlc {
  readonly #aheadMsMax: number;
  #lastMs = 0;
  #refused = 0;

  constructor({ aheadMsMax }: HlcOptions) {
    this.#aheadMsMax = aheadMsMax;
  }

  /** The last stamp that was given out or taken in; 0 before the first. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Stamps that receive() refused. */
  get refused(): number {
    return this.#refused;
  }

  /** The stamp of a local event or of what is sent: greater than every one before, given out or received. */
  now(physicalMs: number): number {
    this.#lastMs = Math.max(this.#lastMs + TICK_MS, wholeMs(physicalMs));
    return this.#lastMs;
  }

  /**
   * The stamp of a receipt: greater than the remote stamp and than every one before. Throws HLC_STAMP_FUTURE when the remote
   * stamp lies too far ahead of the wall time, of which the truth may be `uncertaintyMs` away; then nothing has changed.
   */
  receive(remoteMs: number, physicalMs: number, uncertaintyMs = 0): number {
    if (this.isTooFarAhead(remoteMs, physicalMs, uncertaintyMs)) {
      this.#refused += 1;
      const aheadMs = Math.round(remoteMs - physicalMs);
      throw new LatticeError('HLC_STAMP_FUTURE', `A stamp lies ${aheadMs} ms ahead of the clock here.`);
    }
    // Of a stamp that is finer than ours no less may be taken.
    const remote = Math.ceil(remoteMs * HLC_COUNTS) / HLC_COUNTS;
    this.#lastMs = Math.max(this.#lastMs + TICK_MS, remote + TICK_MS, wholeMs(physicalMs));
    return this.#lastMs;
  }

  /** Whether receive() would refuse. What is no finite number is no stamp. */
  isTooFarAhead(remoteMs: number, physicalMs: number, uncertaintyMs = 0): boolean {
    return !(remoteMs - physicalMs <= this.#aheadMsMax + uncertaintyMs);
  }

  /** l - pt: how far the clock runs ahead of the wall time, in ms; 0 while it does not. */
  driftMs(physicalMs: number): number {
    return Math.max(0, Math.floor(this.#lastMs) - wholeMs(physicalMs));
  }

  /** Goes on above a stamp of an earlier life of this clock, whatever it says. */
  restore(stampMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, stampMs);
  }

  /**
   * Begins anew at the wall time, below stamps that were given out. For when that time itself was wrong and has been put
   * right: to go on above it would be to keep the error for as long as it was great.
   */
  putBack(physicalMs: number): void {
    this.#lastMs = wholeMs(physicalMs);
  }
}

/** Negative when the first is earlier, 0 when they are the same. Stamps of two nodes can be the same: their names decide then. */
export function compareHlc(one: number, other: number): number {
  return one - other;
}

export function encodeHlc(stampMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(HLC_BYTES);
  const ms = Math.floor(stampMs);
  bytes.writeUIntBE(ms, 0, PHYSICAL_BYTES);
  bytes.writeUInt16BE((stampMs - ms) * HLC_COUNTS, PHYSICAL_BYTES);
  return bytes;
}

/** Of 8 bytes, whatever they are; a counter above ours carries into the ms. */
export function decodeHlc(bytes: Buffer): number {
  return bytes.readUIntBE(0, PHYSICAL_BYTES) + bytes.readUInt16BE(PHYSICAL_BYTES) / HLC_COUNTS;
}

function wholeMs(physicalMs: number): number {
  return Math.floor(Math.min(Math.max(physicalMs, 0), PHYSICAL_MS_MAX));
}
