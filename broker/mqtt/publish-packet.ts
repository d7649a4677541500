import { LatticeError } from '../../core/errors/index.ts';
import type { Qos } from '../state/index.ts';
import type { Outbox } from '../strict/index.ts';

const PUBLISH = 0x30;
const FLAG_DUP = 0x08;
const FLAG_RETAIN = 0x01;
const TEXT_BYTES_MAX = 65_535;
const REMAINING_BYTES_MAX = 268_435_455;

export interface PublishPacket {
  topic: string;
  payload: Buffer | string;
  qos: Qos;
  retain: boolean;
  dup: boolean;
  /** Above QoS 0. */
  packetId: number | undefined;
}

/** Puts a PUBLISH packet into an outbox, MQTT 3.1.1, 3.3. Throws TOPIC_INVALID or PACKET_TOO_LARGE for what MQTT cannot carry. */
export function writePublish(outbox: Outbox, packet: PublishPacket): void {
  const { topic, qos, packetId } = packet;
  const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
  const topicBytes = Buffer.byteLength(topic);
  if (topicBytes > TEXT_BYTES_MAX) throw new LatticeError('TOPIC_INVALID', `A topic of ${topicBytes} bytes.`);
  const remaining = 2 + topicBytes + (qos > 0 ? 2 : 0) + payload.length;
  if (remaining > REMAINING_BYTES_MAX) throw new LatticeError('PACKET_TOO_LARGE', `A packet of ${remaining} bytes.`);
  let at = outbox.reserve(1 + varintBytes(remaining) + remaining);
  const into = outbox.buffer;
  into[at++] = PUBLISH | (qos << 1) | (packet.dup ? FLAG_DUP : 0) | (packet.retain ? FLAG_RETAIN : 0);
  at = writeVarint(into, at, remaining);
  into[at++] = topicBytes >> 8;
  into[at++] = topicBytes & 0xff;
  at += into.write(topic, at);
  if (qos > 0 && packetId !== undefined) {
    into[at++] = packetId >> 8;
    into[at++] = packetId & 0xff;
  }
  into.set(payload, at);
}

function varintBytes(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

function writeVarint(into: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest > 127) {
    into[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[at++] = rest;
  return at;
}
