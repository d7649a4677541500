import { ByteWriter } from '../../../core/bytes/index.ts';
import { LatticeError } from '../../../core/errors/index.ts';
import { CODECS, type Codec, codecFor, compress } from './compression.ts';
import {
  allOf,
  DATA_BYTES_MAX,
  DATA_MESSAGES_MAX,
  type DataFrame,
  type DataMessage,
  DESTINATIONS_MAX,
  FLAG_DICTIONARY_RESET,
  FLAG_JUMP,
  FLAG_RETAIN,
  FLAG_SEQUENCES,
  FLAG_SHARES,
  FLAG_STAMP,
  FLAG_TO,
  FLAG_VOLATILE,
} from './data.ts';
import { ALIASES_MAX, DictionaryWriter } from './dictionary.ts';
import { FRAME_HEADER_BYTES, writeFrameHeader } from './frames.ts';

export interface DataEncoderOptions {
  compresses: boolean;
  /** What the other end's HELLO says that it can read; deflate when left out. */
  accepts?: readonly string[];
  /** Texts that each dictionary holds before it begins anew; at most ALIASES_MAX, which is the default. */
  aliasesMax?: number;
}

/** A smaller section is not worth a call of the compressor. */
const COMPRESSED_BYTES_MIN = 512;
/** Of a section's bytes: what compression has to come below. */
const WORTHWHILE = 0.9;

/** One direction of one connection: frames are to be sent in the order in which they were encoded, each of them. */
export class DataEncoder {
  readonly #codec: Codec;
  readonly #topics: DictionaryWriter;
  readonly #names: DictionaryWriter;
  readonly #head = new ByteWriter();
  readonly #section = new ByteWriter();
  /** The other end starts empty, so the first reset only spares a special case. */
  #isResetDue = true;

  constructor({ compresses, accepts = [], aliasesMax = ALIASES_MAX }: DataEncoderOptions) {
    this.#codec = compresses ? codecFor(accepts) : 'none';
    this.#topics = new DictionaryWriter(aliasesMax);
    this.#names = new DictionaryWriter(aliasesMax);
  }

  /** A whole link frame. Throws INTERNAL when the frame is beyond the bounds that DataFrame names; the next may then be sent. */
  encode(frame: DataFrame): Buffer {
    expectBounds(frame);
    let flags = frame.isVolatile ? FLAG_VOLATILE : 0;
    if (frame.messages[0]?.sequence !== undefined) flags |= FLAG_SEQUENCES;
    if (this.#isResetDue || this.#topics.isFull || this.#names.isFull) {
      this.#topics.reset();
      this.#names.reset();
      flags |= FLAG_DICTIONARY_RESET;
    }
    // Until the frame is whole: what it defined does not count if it comes to nothing.
    this.#isResetDue = true;
    this.#writeHead(frame);
    this.#writeSection(frame);
    const section = this.#section.written();
    if (section.length > DATA_BYTES_MAX) throw beyond(`${section.length} bytes of messages`);
    this.#head.varint(section.length);
    const [codec, content] = this.#pack(section);
    const head = this.#head.written();
    head[FRAME_HEADER_BYTES] = flags | CODECS[codec];
    const whole = Buffer.allocUnsafe(head.length + content.length);
    whole.set(head, 0);
    whole.set(content, head.length);
    writeFrameHeader(whole, 'data');
    this.#isResetDue = false;
    return whole;
  }

  #writeHead({ origin, incarnation, hopsLeft, isVolatile, start, until, destinations, messages }: DataFrame): void {
    const head = this.#head;
    head.reset(FRAME_HEADER_BYTES + 1);
    head.byte(hopsLeft);
    this.#names.write(origin, head);
    this.#names.write(incarnation, head);
    head.byte(destinations.length);
    if (!isVolatile) {
      head.varint(until);
      head.varint(until - start);
    }
    for (const { node, from } of destinations) {
      this.#names.write(node, head);
      if (!isVolatile) head.varint(start - from);
    }
    head.varint(messages.length);
  }

  #writeSection({ messages, destinations }: DataFrame): void {
    const section = this.#section;
    section.reset();
    let to = allOf(destinations.length);
    let sequence = messages[0]?.sequence === undefined ? undefined : 0;
    for (const message of messages) {
      this.#writeMessageHead(message, to, sequence);
      to = message.to >>> 0;
      if (sequence !== undefined) sequence = (message.sequence as number) + 1;
    }
    for (const { payload } of messages) section.bytes(payload);
  }

  #writeMessageHead(
    { topic, payload, qos, retain, to, stamp, shares, sequence }: DataMessage,
    previousTo: number,
    nextSequence: number | undefined,
  ): void {
    const section = this.#section;
    const unsignedTo = to >>> 0;
    const jump = nextSequence === undefined ? 0 : (sequence ?? -1) - nextSequence;
    if (jump < 0) throw beyond(`sequences that do not ascend at ${nextSequence}`);
    section.byte(
      qos |
        (retain ? FLAG_RETAIN : 0) |
        (stamp === undefined ? 0 : FLAG_STAMP) |
        (unsignedTo === previousTo ? 0 : FLAG_TO) |
        (shares === undefined ? 0 : FLAG_SHARES) |
        (jump === 0 ? 0 : FLAG_JUMP),
    );
    this.#topics.write(topic, section);
    section.varint(payload.length);
    if (unsignedTo !== previousTo) section.varint(unsignedTo);
    if (stamp !== undefined) {
      section.finite(stamp.ms);
      this.#names.write(stamp.broker, section);
    }
    if (shares !== undefined) {
      section.varint(shares.length);
      for (const share of shares) {
        this.#names.write(share.filter, section);
        section.varint(share.to);
      }
    }
    if (jump > 0) section.varint(jump);
  }

  #pack(section: Buffer): [Codec, Buffer] {
    if (this.#codec === 'none' || section.length <= COMPRESSED_BYTES_MIN) return ['none', section];
    const packed = compress(section, this.#codec);
    return packed.length < WORTHWHILE * section.length ? [this.#codec, packed] : ['none', section];
  }
}

function expectBounds({ destinations, messages, isVolatile, start, until }: DataFrame): void {
  if (destinations.length === 0 || destinations.length > DESTINATIONS_MAX)
    throw beyond(`${destinations.length} destinations`);
  if (messages.length > DATA_MESSAGES_MAX) throw beyond(`${messages.length} messages`);
  if (isVolatile) return;
  for (const { node, from } of destinations) {
    if (from < 0 || from > start || start > until) throw beyond(`positions ${from}, ${start} to ${until} for ${node}`);
  }
}

function beyond(what: string): LatticeError {
  return new LatticeError('INTERNAL', `A data frame of ${what} cannot be sent.`);
}
