import { z } from 'zod';
import { LatticeError } from '../../core/errors/index.ts';

/** One delivery of a session on its way to another broker. */
export interface MovedDelivery {
  /** Which message it is, the same at every broker that had it queued: a second one under this name is a duplicate. */
  identity: string;
  /** Under which the client gets it. */
  topic: string;
  /** The message's own topic, where that is another one: the client gets it inside of a shard's space. */
  messageTopic?: string | undefined;
  payload: Buffer;
  /** Whether the payload was given as a text (see Message). */
  isText: boolean;
  qos: 1 | 2;
  messageQos: 0 | 1 | 2;
  retain: boolean;
  /** Packet id under which it was sent. */
  messageId?: number | undefined;
  phase: 'queued' | 'sent' | 'released';
  /** The share filter through which the client gets it. */
  share?: string | undefined;
}

const HEADER_BYTES_MAX = 64 * 1_024;
const PAYLOAD_BYTES_MAX = 4 * 1_024 * 1_024;
const PREFIX_BYTES = 8;

const topic = z.string().min(1).max(8_192);
const packetId = z.int().min(1).max(65_535);
const headerSchema = z.strictObject({
  identity: z.string().min(1).max(16_384),
  topic,
  messageTopic: topic.optional(),
  isText: z.boolean(),
  qos: z.union([z.literal(1), z.literal(2)]),
  messageQos: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  retain: z.boolean(),
  messageId: packetId.optional(),
  phase: z.enum(['queued', 'sent', 'released']),
  share: topic.optional(),
});

/** What a session is beside its queue. */
export const sessionImageSchema = z.object({
  username: z.string().optional(),
  subscriptions: z
    .array(
      z.object({
        topic,
        qos: z.union([z.literal(0), z.literal(1), z.literal(2)]),
        rh: z.number().optional(),
        rap: z.boolean().optional(),
        nl: z.boolean().optional(),
        subscriptionIdentifier: z.number().optional(),
      }),
    )
    .max(100_000),
  /** Packet ids of the client's own QoS 2 messages that wait for PUBREL. */
  incoming: z.array(packetId).max(65_535),
  /** Packet ids under which messages are in flight to the client. */
  inflight: z.array(packetId).max(65_535),
  /** Of a session that was itself on its way: identities of what the client has had there, and a third broker may still hold. */
  known: z.array(z.string().min(1).max(16_384)).max(65_536),
});
export type SessionImage = z.output<typeof sessionImageSchema>;

/** Lengths of header and payload (u32, little-endian), the header as JSON, the payload. */
export function encodeMoved({ payload, ...rest }: MovedDelivery): Buffer {
  const header = Buffer.from(JSON.stringify(rest));
  const encoded = Buffer.allocUnsafe(PREFIX_BYTES + header.length + payload.length);
  encoded.writeUInt32LE(header.length, 0);
  encoded.writeUInt32LE(payload.length, 4);
  header.copy(encoded, PREFIX_BYTES);
  payload.copy(encoded, PREFIX_BYTES + header.length);
  return encoded;
}

/** Reads deliveries out of a stream of bytes that comes in pieces of any size. */
export class MovedReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Whether nothing is left of a delivery that has begun. */
  get isAtEnd(): boolean {
    return this.#rest.length === 0;
  }

  /** Those that are whole now; payloads are views on the bytes given. Throws LINK_PROTOCOL. */
  push(bytes: Buffer): MovedDelivery[] {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const deliveries: MovedDelivery[] = [];
    let at = 0;
    while (all.length - at >= PREFIX_BYTES) {
      const headerBytes = all.readUInt32LE(at);
      const payloadBytes = all.readUInt32LE(at + 4);
      if (headerBytes > HEADER_BYTES_MAX || payloadBytes > PAYLOAD_BYTES_MAX) throw damaged('is too long');
      const payloadAt = at + PREFIX_BYTES + headerBytes;
      if (payloadAt + payloadBytes > all.length) break;
      const header = headerOf(all.subarray(at + PREFIX_BYTES, payloadAt));
      deliveries.push({ ...header, payload: all.subarray(payloadAt, payloadAt + payloadBytes) });
      at = payloadAt + payloadBytes;
    }
    this.#rest = all.subarray(at);
    return deliveries;
  }
}

/** Cuts the bytes of many pieces into pages of pageBytes; the last may be shorter. None for nothing. */
export function* pagesOf(pieces: Iterable<Buffer>, pageBytes: number): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    bytes += piece.length;
    while (bytes >= pageBytes) {
      const all = Buffer.concat(waiting);
      yield all.subarray(0, pageBytes);
      waiting = [all.subarray(pageBytes)];
      bytes -= pageBytes;
    }
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

function headerOf(bytes: Buffer): z.output<typeof headerSchema> {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw damaged('is no JSON');
  }
  const parsed = headerSchema.safeParse(json);
  if (!parsed.success) throw damaged('has faults');
  return parsed.data;
}

function damaged(what: string): LatticeError {
  return new LatticeError('LINK_PROTOCOL', `The header of a delivery that moves ${what}.`);
}
