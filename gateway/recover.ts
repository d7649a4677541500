import type { Logger } from 'pino';
import { LatticeError } from '../core/errors/index.ts';
import type { DurableLog } from '../core/log/index.ts';
import { Ledger, loadProgress } from './account/index.ts';
import { decodeRecord, isCounted } from './buffer/index.ts';
import { noteRecord } from './ingest/index.ts';

const READ_BYTES = 1024 * 1024;

export interface Recovered {
  ledger: Ledger;
  takenPosition: number;
  replicatedPosition: number;
  storeRejected: number;
  /** Readings in the buffer at or above replicatedPosition. */
  bufferedReadings: number;
}

/** What a gateway knew when it stopped or was killed: the saved progress, and the log's records since then. */
export async function recover(progressFile: string, buffer: DurableLog, log: Logger): Promise<Recovered> {
  const progress = await loadProgress(progressFile).catch((error: unknown) => {
    if (!(error instanceof LatticeError)) throw error;
    log.error({ code: error.code, reason: error.message }, error.remedy);
    return undefined;
  });
  const ledger = progress === undefined ? new Ledger() : Ledger.restore(progress.ledger);
  // Without progress, what the store has is not known: everything that is still there is written again.
  const replicatedPosition = Math.max(buffer.firstPosition, progress?.replicatedPosition ?? 0);
  const takenPosition = Math.max(buffer.firstPosition, progress?.takenPosition ?? 0);
  let bufferedReadings = 0;
  let position = Math.min(takenPosition, replicatedPosition);
  while (position < buffer.durablePosition) {
    const records = await buffer.read(position, READ_BYTES);
    const last = records.at(-1);
    if (last === undefined) break;
    for (const { position: at, payload } of records) {
      const record = decodeRecord(payload);
      if (at >= takenPosition) noteRecord(ledger, record);
      if (at >= replicatedPosition && isCounted(record)) bufferedReadings++;
    }
    position = last.position + 1;
  }
  return {
    ledger,
    takenPosition: buffer.durablePosition,
    replicatedPosition,
    storeRejected: progress?.storeRejected ?? 0,
    bufferedReadings,
  };
}
