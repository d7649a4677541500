import type { DurableLog } from '../core/log/index.ts';
import type { Clock } from '../core/time/index.ts';
import { encodeReading, type MetricValue, READING_LIMITS, type Reading } from '../core/wire/index.ts';

/**
 * Puts readings into the log; one counts once its append has resolved, since it is synced then.
 *
 * A record holds neither boot nor sequence number: both follow from its place in the log, see boots.ts.
 */
export class Recorder {
  readonly #log: DurableLog;
  readonly #clock: Clock;
  recorded = 0;

  constructor(log: DurableLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Records values with the stamp given, or now. Rejects as DurableLog.append does. */
  async record(metrics: Record<string, MetricValue>, stampMs?: number): Promise<void> {
    await this.#log.append(Buffer.from(encodeReading({ ...this.#stamp(stampMs), metrics })));
    this.recorded++;
  }

  #stamp(stampMs: number | undefined): Omit<Reading, 'metrics'> {
    const tsMs = stampMs ?? this.#clock.wallMs();
    const counted = { seq: undefined, boot: undefined };
    // A machine without a clock of its own starts in 1970; no stamp is better than that one.
    if (tsMs < READING_LIMITS.pastWallMs) return { ...counted, tsMs: undefined, timeQuality: 'none' };
    // The system's clock is taken as it is: nobody here knows whether something disciplines it.
    return { ...counted, tsMs, timeQuality: 'est' };
  }
}
