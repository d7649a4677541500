import { FieldReader, FieldWriter } from './fields.ts';
import type { Qos } from './message.ts';
import type { LinkOrigin } from './records.ts';

/**
 * Records of the journal that hold many messages, in two encodings:
 *
 * - version 2: stamp f64, then PUBLISH packets of MQTT 3.1.1 one after the other, as clients sent them. Each was checked when it
 *   came; its packet id and its DUP flag mean nothing any more.
 * - version 3: stamp f64, u8 flags (1: came over a link), then for a link u8 length and peer, u8 length and incarnation, f64
 *   position, f64 previous; then the messages to the end. A message is u8 flags (bits 0 and 1 QoS, 4 retain, 8 stamp,
 *   16 shares, 32 for members of
 *   shares only, 64 sequence), u16 length and topic, u32 length and payload, then for a stamp f64 ms and u8 length and broker, for a sequence f64, and for shares u16
 *   count and for each u16 length and filter, u8 length and broker, u8 whether a client is named and, if so, u16 length and client id.
 *
 * All numbers are big-endian, as in MQTT.
 */
export interface BatchRecord {
  kind: 'batch';
  /** Wall time at which the batch was sealed, ms. */
  stampMs: number;
  /** At most BATCH_MESSAGES_MAX. Their payloads are not copied: they must stay as they are while the record is in use. */
  messages: BatchMessage[];
  link?: LinkOrigin;
}

export interface BatchMessage {
  topic: string;
  payload: Buffer;
  qos: Qos;
  retain: boolean;
  /** With stampBroker: a retained message, to be merged by the later stamp; an empty payload deletes. */
  stampMs?: number;
  stampBroker?: string;
  /** Which member of each shared subscription gets it. */
  shares?: ShareTarget[];
  /** Nobody but those members gets it. */
  isForShareOnly?: true;
  /**
   * Over a link: which message of its origin it is (see sequenceOf). With it, a session that moves tells what it has from what
   * it gets; without, the client may get a message of QoS 1 twice around a move.
   */
  sequence?: number;
}

export interface ShareTarget {
  /** `$share/{group}/{filter}`. */
  filter: string;
  broker: string;
  /** Undefined when that broker is to choose. */
  clientId?: string;
}

export const PACKETS_VERSION = 2;
export const BATCH_VERSION = 3;
/** A message is named by its record's position and its place in the record, which has to fit below this. */
export const BATCH_MESSAGES_MAX = 4_096;
/** What a batch should not exceed; one message that is larger makes a batch by itself. */
export const BATCH_BYTES_MAX = 64 * 1_024;
/** Version and stamp, in front of the packets. */
export const PACKETS_HEADER_BYTES = 9;

const FLAG_LINK = 1;
const QOS_MASK = 3;
const FLAG_RETAIN = 4;
const FLAG_STAMP = 8;
const FLAG_SHARES = 16;
const FLAG_SHARE_ONLY = 32;
const FLAG_SEQUENCE = 64;
const PUBLISH_RETAIN = 1;

/** Writes the header of a version 2 record into the first PACKETS_HEADER_BYTES; the packets follow. */
export function writePacketsHeader(into: Buffer, stampMs: number): void {
  into[0] = PACKETS_VERSION;
  into.writeDoubleBE(stampMs, 1);
}

/** Encodes a batch as version 3. */
export function encodeBatch({ stampMs, messages, link }: BatchRecord): Buffer {
  const writer = new FieldWriter(messages.reduce((sum, message) => sum + messageBytesMax(message), linkBytesMax(link)));
  writer.u8(BATCH_VERSION);
  writer.f64(stampMs);
  writer.u8(link === undefined ? 0 : FLAG_LINK);
  if (link !== undefined) {
    writer.text8(link.peer);
    writer.text8(link.incarnation);
    writer.f64(link.position);
    writer.f64(link.previous);
  }
  for (const message of messages) writeMessage(writer, message);
  return writer.done();
}

/** Reads a batch of either version; payloads are views on the bytes given. */
export function decodeBatch(bytes: Buffer): BatchRecord {
  const reader = new FieldReader(bytes);
  const version = reader.u8();
  const stampMs = reader.f64();
  const messages: BatchMessage[] = [];
  if (version === PACKETS_VERSION) {
    while (reader.hasMore) messages.push(readPacket(reader));
    return { kind: 'batch', stampMs, messages };
  }
  const link = (reader.u8() & FLAG_LINK) === 0 ? undefined : readLink(reader);
  while (reader.hasMore) messages.push(readMessage(reader));
  return { kind: 'batch', stampMs, messages, ...(link === undefined ? {} : { link }) };
}

function writeMessage(
  writer: FieldWriter,
  { topic, payload, qos, retain, stampMs, stampBroker, shares, isForShareOnly, sequence }: BatchMessage,
): void {
  const hasStamp = stampMs !== undefined && stampBroker !== undefined;
  writer.u8(
    qos |
      (retain ? FLAG_RETAIN : 0) |
      (hasStamp ? FLAG_STAMP : 0) |
      (shares === undefined ? 0 : FLAG_SHARES) |
      (isForShareOnly === true ? FLAG_SHARE_ONLY : 0) |
      (sequence === undefined ? 0 : FLAG_SEQUENCE),
  );
  writer.text16(topic);
  writer.bytes32(payload);
  if (hasStamp) {
    writer.f64(stampMs);
    writer.text8(stampBroker);
  }
  if (sequence !== undefined) writer.f64(sequence);
  if (shares === undefined) return;
  writer.u16(shares.length);
  for (const { filter, broker, clientId } of shares) {
    writer.text16(filter);
    writer.text8(broker);
    writer.u8(clientId === undefined ? 0 : 1);
    if (clientId !== undefined) writer.text16(clientId);
  }
}

function readMessage(reader: FieldReader): BatchMessage {
  const flags = reader.u8();
  const message: BatchMessage = {
    topic: reader.text(reader.u16()),
    payload: reader.bytes(reader.u32()),
    qos: (flags & QOS_MASK) as Qos,
    retain: (flags & FLAG_RETAIN) !== 0,
  };
  if ((flags & FLAG_STAMP) !== 0) {
    message.stampMs = reader.f64();
    message.stampBroker = reader.text(reader.u8());
  }
  if ((flags & FLAG_SHARE_ONLY) !== 0) message.isForShareOnly = true;
  if ((flags & FLAG_SEQUENCE) !== 0) message.sequence = reader.f64();
  if ((flags & FLAG_SHARES) === 0) return message;
  message.shares = Array.from({ length: reader.u16() }, () => {
    const target = { filter: reader.text(reader.u16()), broker: reader.text(reader.u8()) };
    return reader.u8() === 0 ? target : { ...target, clientId: reader.text(reader.u16()) };
  });
  return message;
}

/** A PUBLISH packet, MQTT 3.1.1, 3.3. */
function readPacket(reader: FieldReader): BatchMessage {
  const first = reader.u8();
  const qos = ((first >> 1) & 3) as Qos;
  const bodyBytes = reader.varint();
  const end = reader.at + bodyBytes;
  const topic = reader.text(reader.u16());
  if (qos > 0) reader.u16();
  return { topic, payload: reader.bytes(end - reader.at), qos, retain: (first & PUBLISH_RETAIN) !== 0 };
}

function readLink(reader: FieldReader): LinkOrigin {
  const peer = reader.text(reader.u8());
  const incarnation = reader.text(reader.u8());
  return { peer, incarnation, position: reader.f64(), previous: reader.f64() };
}

const UTF8_BYTES_PER_UNIT_MAX = 3;

function linkBytesMax(link: LinkOrigin | undefined): number {
  return 10 + (link === undefined ? 0 : 18 + UTF8_BYTES_PER_UNIT_MAX * (link.peer.length + link.incarnation.length));
}

function messageBytesMax({ topic, payload, stampBroker = '', shares = [] }: BatchMessage): number {
  let units = topic.length + stampBroker.length;
  for (const { filter, broker, clientId = '' } of shares) units += 2 + filter.length + broker.length + clientId.length;
  return 26 + payload.length + UTF8_BYTES_PER_UNIT_MAX * units;
}
