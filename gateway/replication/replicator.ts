import type { DurableLog } from '../../core/log/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import type { Point } from '../../core/wire/index.ts';
import { type BufferRecord, decodeRecord, isCounted, type Readable, recordPoint } from '../buffer/index.ts';
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
  /** Told how many readings of a batch were stored, and how many refused. */
  onSettled: (stored: number, rejected: number) => void;
  /** Told of each record that the store refused for good. */
  onRejected: (record: Readable, reason: string) => void;
  /** Told of bytes in the log that are no record of this version. */
  onUnreadable: (bytes: Uint8Array) => void;
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
  readonly counters = { batches: 0, retries: 0 };

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
      const end = log.durablePosition;
      const logRecords = await this.#untilDone(() => log.read(this.#position, batchBytesMax));
      if (logRecords === undefined) return;
      const records = logRecords.map(({ payload }) => decodeRecord(payload));
      // Nothing readable up to the end means that all of it was damaged: there is nothing to wait for.
      await this.#copy(records, (logRecords.at(-1)?.position ?? end - 1) + 1);
    }
  }

  /** Writes one batch and moves on behind it, unless it was stopped before the store had it. */
  async #copy(all: readonly BufferRecord[], nextPosition: number): Promise<void> {
    const records: Readable[] = [];
    for (const record of all) {
      if (record.type === 'unreadable') this.#options.onUnreadable(record.bytes);
      else records.push(record);
    }
    const points: Point[] = records.map(recordPoint);
    const result =
      points.length === 0
        ? { rejected: [] }
        : await this.#untilDone(() => this.#options.store.write(points, this.#stopping.signal));
    if (result === undefined) return;
    this.counters.batches++;
    // The position and the counts change in one turn, since they are saved together and must agree.
    this.#position = nextPosition;
    this.#settle(records, result.rejected);
  }

  /** Tries again, with back-off, until it is done; undefined when it was stopped before. */
  async #untilDone<T>(attemptOnce: () => Promise<T>): Promise<T | undefined> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const result = await attemptOnce();
        this.#noteState(true, undefined);
        return result;
      } catch (error) {
        if (signal.aborted) return undefined;
        this.counters.retries++;
        this.#noteState(false, error);
        await delay(clock, this.#backoffMs(attempt), signal);
      }
    }
    return undefined;
  }

  #settle(records: readonly Readable[], rejected: readonly RejectedPoint[]): void {
    const { clock, latency, onRejected, onSettled } = this.#options;
    const reasons = new Map(rejected.map(({ index, reason }) => [index, reason]));
    const nowMs = clock.wallMs();
    let storedCount = 0;
    let rejectedCount = 0;
    records.forEach((record, index) => {
      const reason = reasons.get(index);
      if (reason !== undefined) onRejected(record, reason);
      if (!isCounted(record)) return;
      if (reason !== undefined) {
        rejectedCount++;
        return;
      }
      storedCount++;
      // A stamp made on receipt says nothing of the way from the device.
      if (record.reading.timeQuality !== 'none') latency.record(nowMs - record.reading.tsMs);
    });
    onSettled(storedCount, rejectedCount);
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
