import type { DurableLog, LogRecord } from '../../core/log/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import { type BufferRecord, decodeRecord, isCounted, recordPoint } from '../buffer/index.ts';
import type { RejectedPoint, TimeSeriesStore } from '../store/index.ts';
import type { RecentLatency } from './latency.ts';

export interface ReplicatorOptions {
  log: DurableLog;
  store: TimeSeriesStore;
  clock: Clock;
  random: Random;
  latency: RecentLatency;
  /** Records below this position are in the store already. */
  startPosition: number;
  batchBytesMax: number;
  lingerMs: number;
  backoffMsMin: number;
  backoffMsMax: number;
  /** Told of each record that the store refused for good. */
  onRejected: (record: BufferRecord, reason: string) => void;
  /** Told when the store starts or stops answering. */
  onStoreState: (isUp: boolean, error: unknown) => void;
}

/**
 * Copies the buffer to the store, in order. The position moves on only when the store has the points, so an outage costs
 * time and no readings; writing a batch again after a lost answer changes nothing, since a point's identity is its
 * series and stamp. What the store refuses for good is handed on, never tried for ever.
 */
export class Replicator {
  readonly #options: ReplicatorOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #position: number;
  #isStoreUp = true;
  readonly counters = { stored: 0, rejected: 0, batches: 0, retries: 0 };

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    this.#position = options.startPosition;
  }

  /** Every record below this position is in the store. */
  get position(): number {
    return this.#position;
  }

  get isStoreUp(): boolean {
    return this.#isStoreUp;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends after the write under way, or cuts it off: the same points are written again at the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log, clock, lingerMs, batchBytesMax } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await log.waitBeyond(this.#position, signal);
      await delay(clock, lingerMs, signal);
      if (signal.aborted) return;
      const records = await log.read(this.#position, batchBytesMax);
      const last = records.at(-1);
      if (last === undefined) continue;
      if (await this.#write(records)) this.#position = last.position + 1;
    }
  }

  /** Writes one batch, trying again until the store has it; false when it was stopped. */
  async #write(logRecords: readonly LogRecord[]): Promise<boolean> {
    const records = logRecords.map(({ payload }) => decodeRecord(payload));
    const points = records.map(recordPoint);
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
      try {
        const { rejected } = await this.#options.store.write(points, this.#stopping.signal);
        this.#noteState(true, undefined);
        this.#settle(records, rejected);
        return true;
      } catch (error) {
        if (this.#stopping.signal.aborted) return false;
        this.counters.retries++;
        this.#noteState(false, error);
        await delay(this.#options.clock, this.#backoffMs(attempt), this.#stopping.signal);
      }
    }
    return false;
  }

  #settle(records: readonly BufferRecord[], rejected: readonly RejectedPoint[]): void {
    const { clock, latency, onRejected } = this.#options;
    const reasons = new Map(rejected.map(({ index, reason }) => [index, reason]));
    const nowMs = clock.wallMs();
    this.counters.batches++;
    records.forEach((record, index) => {
      const reason = reasons.get(index);
      if (reason !== undefined) onRejected(record, reason);
      if (!isCounted(record)) return;
      if (reason !== undefined) {
        this.counters.rejected++;
        return;
      }
      this.counters.stored++;
      // A stamp made on receipt says nothing of the way from the device.
      if (record.reading.timeQuality !== 'none') latency.record(nowMs - record.reading.tsMs);
    });
  }

  /** Exponential with full jitter (Brooker 2015): gateways that lost one store do not come back in step. */
  #backoffMs(attempt: number): number {
    const { backoffMsMin, backoffMsMax, random } = this.#options;
    const ceilingMs = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(attempt, 16));
    return backoffMsMin / 2 + random.next() * (ceilingMs - backoffMsMin / 2);
  }

  #noteState(isUp: boolean, error: unknown): void {
    if (isUp === this.#isStoreUp) return;
    this.#isStoreUp = isUp;
    this.#options.onStoreState(isUp, error);
  }
}
