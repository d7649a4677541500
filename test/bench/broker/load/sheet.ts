import { generate } from 'mqtt-packet';
import { type Random, seededRandom } from '../../../../core/random/index.ts';
import { STAMP_DIGITS, telemetry, writeStamp } from './telemetry.ts';

export interface SheetOptions {
  /** All of one length. */
  topics: readonly string[];
  qos: 0 | 1;
  payloadBytes: number;
  slots: number;
  random: Random;
}

/** Random decimals, copied from here since drawing them for each message would cost more than sending it. */
const DIGITS = Uint8Array.from(
  { length: 65_521 },
  (
    (random) => () =>
      0x30 + random.below(10)
  )(seededRandom('digits')),
);

/**
 * PUBLISH packets made ready side by side, so that sending n of them is one write. A slot has its packet id for good; it is
 * written anew (stamp and values) each time, so it must not be taken again before its last write has left.
 */
export class PacketSheet {
  readonly slots: number;
  readonly packetBytes: number;
  readonly #bytes: Buffer;
  readonly #stampAt: number;
  readonly #digitsAt: readonly number[];
  readonly #stamp = new Uint8Array(STAMP_DIGITS);
  #digit: number;

  constructor({ topics, qos, payloadBytes, slots, random }: SheetOptions) {
    this.slots = slots;
    this.#digit = random.below(DIGITS.length);
    const { payload, stampAt, digitsAt } = telemetry(payloadBytes, random);
    const packets = Array.from({ length: slots }, (_, slot) => {
      const topic = topics[slot % topics.length] as string;
      const packet = { cmd: 'publish', topic, payload, qos, retain: false, dup: false } as const;
      return generate(qos === 0 ? packet : { ...packet, messageId: slot + 1 });
    });
    this.#bytes = Buffer.concat(packets);
    this.packetBytes = this.#bytes.length / slots;
    if (packets.some(({ length }) => length !== this.packetBytes)) throw new RangeError('Topics of several lengths.');
    const payloadAt = this.packetBytes - payload.length;
    this.#stampAt = payloadAt + stampAt;
    this.#digitsAt = digitsAt.map((at) => payloadAt + at);
  }

  /** The packets of these slots, stamped now. They stay valid until a slot of them is taken again. */
  take(slot: number, count: number, elapsedUs: number): Buffer {
    writeStamp(this.#stamp, elapsedUs);
    const from = slot * this.packetBytes;
    const until = from + count * this.packetBytes;
    for (let at = from; at < until; at += this.packetBytes) {
      for (let i = 0; i < STAMP_DIGITS; i++) this.#bytes[at + this.#stampAt + i] = this.#stamp[i] as number;
      for (const digitAt of this.#digitsAt) {
        this.#bytes[at + digitAt] = DIGITS[this.#digit] as number;
        this.#digit = this.#digit + 1 === DIGITS.length ? 0 : this.#digit + 1;
      }
    }
    return this.#bytes.subarray(from, until);
  }
}
