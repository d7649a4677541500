import { isUtf8 } from 'node:buffer';
import { encodeFrame, linkProtocolError } from './frames.ts';

/**
 * A message in a batch. With a position it comes from the sender's journal, with a stamp it is a retained one (an empty
 * payload then deletes), with neither it is volatile.
 */
export interface LinkMessage {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  position?: number;
  stamp?: { ms: number; broker: string };
}

const QOS_MASK = 0x03;
const FLAG_RETAIN = 0x04;
const FLAG_POSITION = 0x08;
const FLAG_STAMP = 0x10;
const FLAGS_KNOWN = 0x1f;
const POSITION_BYTES = 6;

/**
 * The layout of one message: u8 flags, u16 length and topic, u32 length and payload, then u48 position and (f64 ms, u8
 * length and broker) as the flags say. A batch is a u32 count and that many messages.
 */
export function encodeBatch(messages: readonly LinkMessage[]): Buffer {
  const sized = messages.map((message) => ({ message, topicBytes: Buffer.byteLength(message.topic) }));
  const body = Buffer.allocUnsafe(
    sized.reduce((sum, { message, topicBytes }) => sum + messageBytes(message, topicBytes), 4),
  );
  let at = body.writeUInt32BE(messages.length, 0);
  for (const { message, topicBytes } of sized) {
    const { topic, payload, qos, retain, position, stamp } = message;
    body[at++] =
      qos |
      (retain ? FLAG_RETAIN : 0) |
      (position === undefined ? 0 : FLAG_POSITION) |
      (stamp === undefined ? 0 : FLAG_STAMP);
    at = body.writeUInt16BE(topicBytes, at);
    at += body.write(topic, at);
    at = body.writeUInt32BE(payload.length, at);
    body.set(payload, at);
    at += payload.length;
    if (position !== undefined) at = body.writeUIntBE(position, at, POSITION_BYTES);
    if (stamp !== undefined) {
      at = body.writeDoubleBE(stamp.ms, at);
      body[at] = Buffer.byteLength(stamp.broker);
      at += 1 + body.write(stamp.broker, at + 1);
    }
  }
  return encodeFrame('batch', body);
}

/** Bytes of a message in a batch, without knowing its topic's exact length in UTF-8; for deciding when a batch is full. */
export function roughBytes({ topic, payload }: { topic: string; payload: Uint8Array }): number {
  return topic.length + payload.length + 40;
}

/** Throws LINK_PROTOCOL. Payloads are views of the body. */
export function decodeBatch(body: Buffer): LinkMessage[] {
  const reader = new BodyReader(body);
  const count = reader.uint(4);
  const messages: LinkMessage[] = [];
  for (let i = 0; i < count; i++) messages.push(decodeMessage(reader));
  reader.expectEnd();
  return messages;
}

function decodeMessage(reader: BodyReader): LinkMessage {
  const flags = reader.uint(1);
  const qos = flags & QOS_MASK;
  if ((flags & ~FLAGS_KNOWN) !== 0 || qos === 3) throw linkProtocolError(`Unknown flags ${flags} on a message.`);
  const topic = reader.text(reader.uint(2));
  if (topic === '' || isPrivate(topic))
    throw linkProtocolError(`The topic "${topic.slice(0, 40)}" may not cross a link.`);
  const payload = reader.bytes(reader.uint(4));
  const message: LinkMessage = { topic, payload, qos: qos as 0 | 1 | 2, retain: (flags & FLAG_RETAIN) !== 0 };
  if ((flags & FLAG_POSITION) !== 0) message.position = reader.uint(POSITION_BYTES);
  if ((flags & FLAG_STAMP) !== 0) message.stamp = { ms: reader.finite(), broker: reader.text(reader.uint(1)) };
  return message;
}

/** Topics that speak of one broker only. */
export function isPrivate(topic: string): boolean {
  return topic.startsWith('$SYS/') || topic === '$SYS';
}

function messageBytes({ payload, position, stamp }: LinkMessage, topicBytes: number): number {
  return (
    7 +
    topicBytes +
    payload.length +
    (position === undefined ? 0 : POSITION_BYTES) +
    (stamp === undefined ? 0 : 9 + Buffer.byteLength(stamp.broker))
  );
}

/** Reads fields of a frame one after the other; a field that overruns the frame throws LINK_PROTOCOL. */
export class BodyReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  get hasMore(): boolean {
    return this.#at < this.#body.length;
  }

  uint(bytes: number): number {
    return this.#body.readUIntBE(this.#take(bytes), bytes);
  }

  finite(): number {
    const value = this.#body.readDoubleBE(this.#take(8));
    if (!Number.isFinite(value)) throw linkProtocolError('A stamp that is not a finite number.');
    return value;
  }

  bytes(length: number): Buffer {
    const start = this.#take(length);
    return this.#body.subarray(start, start + length);
  }

  text(length: number): string {
    const bytes = this.bytes(length);
    if (!isUtf8(bytes)) throw linkProtocolError('A text that is not UTF-8.');
    return bytes.toString('utf8');
  }

  expectEnd(): void {
    if (this.hasMore)
      throw linkProtocolError(`${this.#body.length - this.#at} bytes behind the end of a frame's content.`);
  }

  #take(bytes: number): number {
    const start = this.#at;
    this.#at += bytes;
    if (this.#at > this.#body.length) throw linkProtocolError('A field overruns its frame.');
    return start;
  }
}
