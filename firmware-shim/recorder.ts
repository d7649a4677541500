import type { DurableLog } from '../core/log/index.ts';
import type { MetricValue } from '../core/wire/index.ts';
import { encodeRecord, type Stamps } from './time/index.ts';

/**
 * Puts readings into the log; one counts once its append has resolved, since it is synced then.
 *
 * A record holds neither boot nor sequence number: both follow from its place in the log, see boots.ts. Its stamp is final, or what is
 * known of its time until it is published, see time/record.ts.
 */
export class Recorder {
  readonly #log: DurableLog;
  readonly #stamps: Stamps;
  recorded = 0;

  constructor(log: DurableLog, stamps: Stamps) {
    this.#log = log;
    this.#stamps = stamps;
  }

  /** Records values with the stamp given, or now. Rejects as DurableLog.append does. */
  async record(metrics: Record<string, MetricValue>, stampMs?: number): Promise<void> {
    const stamp = stampMs === undefined ? this.#stamps.now() : { tsMs: stampMs, timeQuality: 'est' as const };
    await this.#log.append(encodeRecord(metrics, stamp));
    this.recorded++;
  }
}
