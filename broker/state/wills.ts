import { isApplied } from './applied.ts';
import type { BrokerRecord, WillPacket } from './records.ts';

export interface Will extends WillPacket {
  clientId: string;
  brokerId: string;
  /** Number of the connection that it belongs to. */
  connection?: number | undefined;
  payload: Buffer;
  appliedPosition: number;
}

/** The last wills of connections, by client id. */
export class Wills extends Map<string, Will> {
  keep(position: number, record: BrokerRecord & { kind: 'will' }): void {
    const { clientId, brokerId, connection, payload } = record;
    if (isApplied(position, this.get(clientId))) return;
    this.set(clientId, { ...record.will, clientId, brokerId, connection, payload, appliedPosition: position });
  }

  /** A will goes with the connection that it belongs to; the one of a newer connection under the same client id stays. */
  spend(position: number, clientId: string, connection: number | undefined): void {
    const will = this.get(clientId);
    if (will === undefined || isApplied(position, will)) return;
    if (connection === undefined || will.connection === undefined || will.connection === connection) {
      this.delete(clientId);
    }
  }
}
