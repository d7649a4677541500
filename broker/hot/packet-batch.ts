import {
  BATCH_BYTES_MAX,
  BATCH_MESSAGES_MAX,
  type BatchMessage,
  type BatchRecord,
  PACKETS_HEADER_BYTES,
  writePacketsHeader,
} from '../state/index.ts';
import type { Lane } from './lane.ts';
import type { Route } from './route-table.ts';

/**
 * PUBLISH packets of QoS 1 on their way into the journal: their bytes as one record, and beside them who sent each and where it
 * goes. One object serves many batches, one after the other.
 */
export class PacketBatch {
  readonly bytes = Buffer.allocUnsafeSlow(BATCH_BYTES_MAX);
  readonly routes: Route[] = [];
  readonly lanes: Lane[] = [];
  readonly packetIds = new Uint16Array(BATCH_MESSAGES_MAX);
  readonly starts = new Uint32Array(BATCH_MESSAGES_MAX);
  /** Where the packet id stands; the payload is behind it. */
  readonly idsAt = new Uint32Array(BATCH_MESSAGES_MAX);
  end = PACKETS_HEADER_BYTES;
  count = 0;
  stampMs = 0;

  hasRoomFor(packetBytes: number): boolean {
    return this.count < BATCH_MESSAGES_MAX && this.end + packetBytes <= BATCH_BYTES_MAX;
  }

  /** Copies the packet at [start, end), whose packet id stands at idAt. */
  add(lane: Lane, route: Route, bytes: Uint8Array, start: number, end: number, idAt: number): void {
    const { count } = this;
    this.starts[count] = this.end;
    this.idsAt[count] = this.end + idAt - start;
    this.packetIds[count] = ((bytes[idAt] as number) << 8) | (bytes[idAt + 1] as number);
    this.routes[count] = route;
    this.lanes[count] = lane;
    (bytes as Buffer).copy(this.bytes, this.end, start, end);
    this.end += end - start;
    this.count = count + 1;
  }

  endOf(index: number): number {
    return index + 1 < this.count ? (this.starts[index + 1] as number) : this.end;
  }

  payloadOf(index: number): Buffer {
    return this.bytes.subarray((this.idsAt[index] as number) + 2, this.endOf(index));
  }

  /** The record as it goes into the journal. */
  seal(stampMs: number): Buffer {
    this.stampMs = stampMs;
    writePacketsHeader(this.bytes, stampMs);
    return this.bytes.subarray(0, this.end);
  }

  /** What decoding the record would give. */
  record(): BatchRecord {
    const messages: BatchMessage[] = [];
    for (let index = 0; index < this.count; index++) {
      const { topic } = this.routes[index] as Route;
      messages.push({ topic, payload: this.payloadOf(index), qos: 1, retain: false });
    }
    return { kind: 'batch', stampMs: this.stampMs, messages };
  }

  clear(): void {
    this.routes.length = 0;
    this.lanes.length = 0;
    this.end = PACKETS_HEADER_BYTES;
    this.count = 0;
  }
}
