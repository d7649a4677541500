import { isPrivate } from '../private-topics.ts';
import { BodyReader } from './body-reader.ts';
import { codecOfByte, decompress } from './compression.ts';
import {
  allOf,
  CODEC_MASK,
  DATA_BYTES_MAX,
  DATA_MESSAGES_MAX,
  type DataFrame,
  type DataMessage,
  DESTINATIONS_MAX,
  type Destination,
  FLAG_DICTIONARY_RESET,
  FLAG_JUMP,
  FLAG_RETAIN,
  FLAG_SEQUENCES,
  FLAG_SHARES,
  FLAG_STAMP,
  FLAG_TO,
  FLAG_VOLATILE,
  FRAME_FLAGS_KNOWN,
  MESSAGE_FLAGS_KNOWN,
  QOS_MASK,
} from './data.ts';
import { DictionaryReader } from './dictionary.ts';
import { linkProtocolError } from './protocol.ts';

/** MQTT 1.5.3: the length of a text is a u16. Share filters stand among the names. */
const TEXT_BYTES_MAX = 65_535;
const SHARES_MAX = 1_024;

/** One direction of one connection. After an error nothing more can be decoded: the connection is to be closed. */
export class DataDecoder {
  readonly #topics = new DictionaryReader(TEXT_BYTES_MAX, expectTopic);
  readonly #names = new DictionaryReader(TEXT_BYTES_MAX, expectName);

  /** Payloads are views of the body, or of what it was compressed from. Throws LINK_PROTOCOL. */
  decode(body: Buffer): DataFrame {
    const head = new BodyReader(body);
    const flags = head.byte();
    if ((flags & ~FRAME_FLAGS_KNOWN) !== 0) throw linkProtocolError(`Unknown flags ${flags} on a data frame.`);
    if ((flags & FLAG_DICTIONARY_RESET) !== 0) {
      this.#topics.reset();
      this.#names.reset();
    }
    const isVolatile = (flags & FLAG_VOLATILE) !== 0;
    const hopsLeft = head.byte();
    const origin = this.#names.read(head);
    const incarnation = this.#names.read(head);
    const count = head.byte();
    if (count === 0 || count > DESTINATIONS_MAX) throw linkProtocolError(`${count} destinations on a data frame.`);
    const until = isVolatile ? 0 : head.varint();
    const start = isVolatile ? 0 : until - head.varint(until);
    const destinations: Destination[] = [];
    for (let i = 0; i < count; i++) {
      const node = this.#names.read(head);
      const from = isVolatile ? 0 : start - head.varint(start);
      destinations.push({ node, from });
    }
    const messageCount = head.varint(DATA_MESSAGES_MAX);
    const sectionBytes = head.varint(DATA_BYTES_MAX);
    const codec = codecOfByte(flags & CODEC_MASK);
    const content = body.subarray(head.at);
    const section = codec === 'none' ? content : decompress(content, codec, sectionBytes);
    if (section.length !== sectionBytes) throw linkProtocolError(`${section.length} bytes of messages.`);
    const messages = this.#messages(section, messageCount, count, (flags & FLAG_SEQUENCES) !== 0);
    return { origin, incarnation, hopsLeft, isVolatile, start, until, destinations, messages };
  }

  #messages(section: Buffer, count: number, destinations: number, hasSequences: boolean): DataMessage[] {
    const reader = new BodyReader(section);
    const messages: DataMessage[] = [];
    const payloadBytes: number[] = [];
    let to = allOf(destinations);
    let sequence = 0;
    let unfolded = 0;
    for (let i = 0; i < count; i++) {
      const flags = reader.byte();
      const qos = flags & QOS_MASK;
      if ((flags & ~MESSAGE_FLAGS_KNOWN) !== 0 || qos === 3) throw linkProtocolError(`Unknown flags ${flags}.`);
      const topic = this.#topics.read(reader);
      payloadBytes.push(reader.varint(section.length));
      if ((flags & FLAG_TO) !== 0) to = reader.varint(allOf(destinations));
      const message: DataMessage = {
        topic,
        payload: section,
        qos: qos as 0 | 1 | 2,
        retain: (flags & FLAG_RETAIN) !== 0,
        to,
      };
      if ((flags & FLAG_STAMP) !== 0) message.stamp = { ms: reader.finite(), broker: this.#names.read(reader) };
      if ((flags & FLAG_SHARES) !== 0) message.shares = this.#shares(reader, destinations);
      if ((flags & FLAG_JUMP) !== 0) sequence += reader.varint(Number.MAX_SAFE_INTEGER - sequence);
      if (hasSequences) message.sequence = sequence++;
      messages.push(message);
      // An alias is some bytes here and its whole text for whoever passes it on.
      unfolded += unfoldedBytes(message);
      if (unfolded > DATA_BYTES_MAX) throw linkProtocolError(`More than ${DATA_BYTES_MAX} bytes of topics and shares.`);
    }
    for (let i = 0; i < count; i++) (messages[i] as DataMessage).payload = reader.bytes(payloadBytes[i] as number);
    reader.expectEnd();
    return messages;
  }

  #shares(reader: BodyReader, destinations: number): { filter: string; to: number }[] {
    const shares: { filter: string; to: number }[] = [];
    const count = reader.varint(SHARES_MAX);
    for (let i = 0; i < count; i++) {
      shares.push({ filter: this.#names.read(reader), to: reader.varint(destinations - 1) });
    }
    return shares;
  }
}

function unfoldedBytes({ topic, shares = [], stamp }: DataMessage): number {
  let bytes = topic.length + (stamp?.broker.length ?? 0);
  for (const { filter } of shares) bytes += filter.length;
  return bytes;
}

/** MQTT 4.7: a topic has no wildcard, no NUL and at least one character. */
function expectTopic(topic: string): void {
  if (topic === '' || isPrivate(topic) || /[+#\0]/.test(topic))
    throw linkProtocolError(`The topic "${topic.slice(0, 40)}" may not cross a link.`);
}

function expectName(text: string): void {
  if (text === '') throw linkProtocolError('An empty name.');
}
