import type { Logger } from 'pino';
import { LatticeError } from '../core/errors/index.ts';
import type { DurableLog } from '../core/log/index.ts';
import { type GatewayProgress, Ledger, loadProgress, Tally } from './account/index.ts';
import { decodeRecord, isCounted } from './buffer/index.ts';
import { noteRecord } from './ingest/index.ts';

const READ_BYTES = 1024 * 1024;

export interface Recovered {
  ledger: Ledger;
  tally: Tally;
  /** Every record of the log below this position is in the ledger. */
  takenPosition: number;
  /** Every record below this position is in the store. */
  replicatedPosition: number;
}

/** What a gateway knew when it stopped or was killed: the saved progress, and the log's records since then. */
export async function recover(progressFile: string, buffer: DurableLog, log: Logger): Promise<Recovered> {
  const progress = await loadProgress(progressFile).catch((error: unknown) => {
    if (!(error instanceof LatticeError)) throw error;
    log.error({ code: error.code, reason: error.message }, error.remedy);
    return undefined;
  });
  if (progress === undefined) return replay(buffer, EMPTY);
  const { takenPosition, replicatedPosition } = progress;
  if (takenPosition <= buffer.durablePosition) {
    const isHoled = buffer.gaps.some((gap) => gap.toPosition >= replicatedPosition && gap.fromPosition < takenPosition);
    // What waited in the hole waits no more: it is lost.
    return replay(buffer, isHoled ? { ...progress, buffered: undefined } : progress);
  }
  // The log ends before what was in it: its tail was damaged, or its folder removed. What was buffered is read again from
  // what is there, and the account shows the rest as lost; the positions that come next must not be taken for known.
  const { durablePosition } = buffer;
  log.error(
    { code: 'BUFFER_DAMAGED', fromPosition: durablePosition, toPosition: takenPosition - 1 },
    'the end is lost',
  );
  const end = durablePosition;
  return replay(buffer, {
    ...progress,
    takenPosition: end,
    replicatedPosition: Math.min(end, replicatedPosition),
    buffered: undefined,
  });
}

/** buffered: undefined when it has to be counted again. */
type Start = Omit<GatewayProgress, 'version' | 'ledger' | 'buffered'> & {
  ledger: GatewayProgress['ledger'] | undefined;
  buffered: number | undefined;
};

/** Without progress what the store has is not known: everything that is still there is written again. */
const EMPTY: Start = {
  takenPosition: 0,
  replicatedPosition: 0,
  stored: 0,
  rejected: 0,
  buffered: undefined,
  ledger: undefined,
};

async function replay(buffer: DurableLog, start: Start): Promise<Recovered> {
  const ledger = start.ledger === undefined ? new Ledger() : Ledger.restore(start.ledger);
  const tally = new Tally({ stored: start.stored, rejected: start.rejected, buffered: start.buffered ?? 0 });
  const countFrom = start.buffered === undefined ? start.replicatedPosition : start.takenPosition;
  let position = Math.min(start.takenPosition, countFrom);
  while (position < buffer.durablePosition) {
    const end = buffer.durablePosition;
    const records = await buffer.read(position, READ_BYTES);
    for (const { position: at, payload } of records) {
      const record = decodeRecord(payload);
      if (at >= start.takenPosition) noteRecord(ledger, record);
      if (at >= countFrom && isCounted(record)) tally.noteTaken();
    }
    position = (records.at(-1)?.position ?? end - 1) + 1;
  }
  return { ledger, tally, takenPosition: buffer.durablePosition, replicatedPosition: start.replicatedPosition };
}
