import type { ShareTarget } from './batch.ts';
import type { Qos } from './message.ts';
import { decodeRecord } from './records.ts';

/** A message that a local client gave to this broker. */
export interface LocalMessage {
  topic: string;
  /** A view on the record. */
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  /** Stamp of a retained message, ms. */
  stampMs?: number;
  shares?: ShareTarget[];
  isForShareOnly?: true;
}

const NONE: readonly LocalMessage[] = [];

/** The messages of local clients in a record of the journal, in order; none when it came over a link or is of another kind. */
export function messagesOf(bytes: Uint8Array): readonly LocalMessage[] {
  const record = decodeRecord(bytes);
  if (record === undefined || (record.kind !== 'publish' && record.kind !== 'batch')) return NONE;
  if (record.link !== undefined) return NONE;
  if (record.kind === 'batch') return record.messages;
  const { topic, payload, qos, retain, stampMs, shares } = record;
  return [{ topic, payload, qos, retain, ...(retain ? { stampMs } : {}), ...(shares === undefined ? {} : { shares }) }];
}
