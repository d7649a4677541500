import { LatticeError } from '../../core/errors/index.ts';
import {
  BATCH_MESSAGES_MAX,
  BATCH_VERSION,
  type BatchRecord,
  decodeBatch,
  encodeBatch,
  PACKETS_VERSION,
  type ShareTarget,
} from './batch.ts';
import type { DeliveryId, Qos } from './message.ts';
import type { StampsPutBack } from './retained-store.ts';

/**
 * What the journal holds: every change of the persistent state, in the order in which it happened. The state is a fold
 * over these records (state.ts); what is not in a record does not survive a restart.
 *
 * A batch has an encoding of its own (batch.ts). Any other record is one byte of version, four of header length, the header
 * as JSON, and then the payload as it is.
 */
export interface PublishRecord {
  kind: 'publish';
  topic: string;
  payload: Buffer;
  qos: Qos;
  retain: boolean;
  /** Stamp of the retained message by the broker's hybrid clock (core/time/hlc.ts); of any other, the wall time. */
  stampMs: number;
  /** The broker that a client gave it to. */
  origin: string;
  /** Who published; undefined for the broker itself and for links. */
  clientId?: string;
  /** Packet id of a QoS 2 message, which waits for PUBREL. */
  messageId?: number;
  /** It is the last will of clientId, which is spent with it. */
  will?: true;
  /** Number of the connection whose will it is. */
  connection?: number;
  link?: LinkOrigin;
  /** Which member of each shared subscription gets it. */
  shares?: ShareTarget[];
  /** It came in through a bridge, whose session is clientId, and had passed these brokers before. */
  path?: string[];
}

/** Where in a peer's journal a message stood, and the position before it that this broker had taken or was about to take. */
export interface LinkOrigin {
  peer: string;
  incarnation: string;
  position: number;
  previous: number;
}

/** A subscription as Aedes gives it; the last four are those of MQTT 5 and stay as they came. */
export interface StoredSubscription {
  topic: string;
  qos: Qos;
  rh?: number;
  rap?: boolean;
  nl?: boolean;
  subscriptionIdentifier?: number;
}

export interface WillPacket {
  topic: string;
  qos: Qos;
  retain: boolean;
}

export type BrokerRecord =
  | PublishRecord
  | BatchRecord
  /** A client with clean=0 has connected; its session is made if there is none. */
  | { kind: 'session'; clientId: string; username: string }
  | { kind: 'end'; clientId: string }
  | { kind: 'subscribe'; clientId: string; subscriptions: StoredSubscription[] }
  | { kind: 'unsubscribe'; clientId: string; filters: string[] }
  /** A delivery is about to go out, or has gone out, under a packet id. */
  | { kind: 'sent'; clientId: string; id: DeliveryId; messageId: number }
  /** PUBREC came for it. */
  | { kind: 'received'; clientId: string; messageId: number }
  /** PUBACK or PUBCOMP came for these. */
  | { kind: 'acked'; acks: [clientId: string, ids: DeliveryId[]][] }
  /** PUBREL came for a QoS 2 message from this client; without a packet id, all of them are forgotten. */
  | { kind: 'released'; clientId: string; messageId?: number }
  | {
      kind: 'will';
      clientId: string;
      brokerId: string;
      connection?: number | undefined;
      will: WillPacket;
      payload: Buffer;
    }
  /** The will of this connection, or of any when there is no number. */
  | { kind: 'willGone'; clientId: string; connection?: number | undefined }
  /** A peer's retained message, merged. */
  | {
      kind: 'retained';
      topic: string;
      payload: Buffer;
      qos: Qos;
      stampMs: number;
      stampBroker: string;
    }
  /** The wall clock was put back: stamps of the time before are moved along. */
  | ({ kind: 'putBack' } & StampsPutBack)
  /** A message for named sessions, put there through the persistence port of Aedes. */
  | {
      kind: 'enqueue';
      clientIds: string[];
      topic: string;
      payload: Buffer;
      isText: boolean;
      qos: Qos;
      brokerId?: string | undefined;
      brokerCounter?: number | undefined;
    }
  /** A QoS 2 message stored through the persistence port of Aedes. */
  | { kind: 'incoming'; clientId: string; messageId: number; topic: string; payload: Buffer; retain: boolean }
  /** A session begins to move here from another broker: what it is beside its queue. */
  | {
      kind: 'moveBegin';
      clientId: string;
      from: string;
      subscriptions: StoredSubscription[];
      /** Packet ids of QoS 2 messages from the client that wait for PUBREL. */
      incoming: number[];
      /** Packet ids in flight to the client. */
      inflight: number[];
      /** Identities of what the client has had there. */
      known: string[];
    }
  /** Deliveries that another broker has taken over. */
  | { kind: 'given'; clientId: string; ids: DeliveryId[] }
  /** Deliveries of a session that moves here, as sessions/moved.ts encodes them. */
  | { kind: 'moved'; clientId: string; from: string; payload: Buffer }
  /** Nothing more of it comes from there. */
  | { kind: 'moveEnd'; clientId: string; from: string };

const VERSION = 1;
const PREFIX_BYTES = 5;
const EMPTY: Buffer = Buffer.alloc(0);

/** Throws INTERNAL when a batch has more than BATCH_MESSAGES_MAX messages. */
export function encodeRecord(record: BrokerRecord): Buffer {
  if (record.kind === 'batch') {
    if (record.messages.length <= BATCH_MESSAGES_MAX) return encodeBatch(record);
    throw new LatticeError('INTERNAL', `A batch of ${record.messages.length} messages.`);
  }
  let payload: Buffer = EMPTY;
  let header: string;
  if ('payload' in record) {
    const { payload: bytes, ...rest } = record;
    payload = bytes;
    header = JSON.stringify(rest);
  } else {
    header = JSON.stringify(record);
  }
  const headerBytes = Buffer.byteLength(header);
  const encoded = Buffer.allocUnsafe(PREFIX_BYTES + headerBytes + payload.length);
  encoded[0] = VERSION;
  encoded.writeUInt32LE(headerBytes, 1);
  encoded.write(header, PREFIX_BYTES, 'utf8');
  payload.copy(encoded, PREFIX_BYTES + headerBytes);
  return encoded;
}

/** Reads a record back; payloads are views on the bytes given. Undefined when a later version wrote it. */
export function decodeRecord(bytes: Uint8Array): BrokerRecord | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] === PACKETS_VERSION || buffer[0] === BATCH_VERSION) return decodeBatch(buffer);
  if (buffer.length < PREFIX_BYTES || buffer[0] !== VERSION) return undefined;
  const headerEnd = PREFIX_BYTES + buffer.readUInt32LE(1);
  // The log checks every frame's CRC, so what is read back is what encodeRecord wrote.
  const record = JSON.parse(buffer.toString('utf8', PREFIX_BYTES, headerEnd)) as BrokerRecord;
  if (CARRIES_PAYLOAD.has(record.kind)) (record as PublishRecord).payload = buffer.subarray(headerEnd);
  return record;
}

const CARRIES_PAYLOAD: ReadonlySet<BrokerRecord['kind']> = new Set([
  'publish',
  'will',
  'retained',
  'enqueue',
  'incoming',
  'moved',
]);
