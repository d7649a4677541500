import { FRAME_BYTES_MAX } from './frames.ts';

/** A message on its way to one or more of its frame's destinations. */
export interface DataMessage {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** Bit i is set when `destinations[i]` wants it plainly; unsigned. 0 when it goes to members of shares only. */
  to: number;
  /** Of a retained message: what decides between two. */
  stamp?: { ms: number; broker: string };
  /** Which of its origin's messages it is, ascending in a frame; none or all of a frame's messages have one. */
  sequence?: number;
  /** Shared subscriptions whose member is to be found at a destination, given by its index. */
  shares?: { filter: string; to: number }[];
}

export interface Destination {
  node: string;
  /** Between this position and the frame's start there is nothing that the destination wants. */
  from: number;
}

/** A piece of one broker's stream: all that its destinations want of its journal in [start, until). */
export interface DataFrame {
  /** The broker whose clients published the messages. */
  origin: string;
  incarnation: string;
  /** 0 to 255. */
  hopsLeft: number;
  /** From no journal, and never sent again; `start`, `until` and every `from` are 0. */
  isVolatile: boolean;
  start: number;
  until: number;
  /** 1 to DESTINATIONS_MAX. */
  destinations: Destination[];
  /** At most DATA_MESSAGES_MAX; topics and payloads together at most DATA_BYTES_MAX. */
  messages: DataMessage[];
}

/** The bits of a message's `to`. */
export const DESTINATIONS_MAX = 32;
/** Keeps what a small compressed frame can unfold to in bounds. */
export const DATA_MESSAGES_MAX = 65_536;
/** Bytes of all messages of a frame, before compression: what is left of a frame beside 32 names. */
export const DATA_BYTES_MAX = FRAME_BYTES_MAX - 64 * 1024;

/**
 * The body of a frame, numbers as LEB128 varints, names and topics as references to the link's dictionaries:
 *
 *   u8 codec and flags, u8 hops left, origin, incarnation, u8 destinations, until and until - start (neither if volatile),
 *   per destination: node, start - from (not if volatile)
 *   number of messages, bytes of the message section before compression; the rest is that section:
 *     per message: u8 flags, topic, bytes of the payload, then to, stamp (f64 ms, broker) and shares (count, then filter
 *     and destination of each) as the flags say; behind the last, all payloads. Heads and payloads lie apart because they
 *     compress better so.
 *
 * Without FLAG_TO a message goes where the one before it went, and the first to all. With FLAG_SEQUENCES on the frame a
 * message's sequence is that of the one before it plus one, and the first is 0; with FLAG_JUMP it is more by the varint
 * behind the shares.
 */
export const CODEC_MASK = 0x03;
export const FLAG_DICTIONARY_RESET = 0x04;
export const FLAG_VOLATILE = 0x08;
export const FLAG_SEQUENCES = 0x10;
export const FRAME_FLAGS_KNOWN = 0x1f;

export const QOS_MASK = 0x03;
export const FLAG_RETAIN = 0x04;
export const FLAG_STAMP = 0x08;
export const FLAG_TO = 0x10;
export const FLAG_SHARES = 0x20;
export const FLAG_JUMP = 0x40;
export const MESSAGE_FLAGS_KNOWN = 0x7f;

/** The mask with the bits of so many destinations. */
export function allOf(destinations: number): number {
  return destinations >= 32 ? 0xffff_ffff : 2 ** destinations - 1;
}

/** About the bytes of a message before compression, without knowing its topic's length in UTF-8; for deciding when a frame is full. */
export function roughDataBytes({ topic, payload }: Pick<DataMessage, 'topic' | 'payload'>): number {
  return topic.length + payload.length + 16;
}
