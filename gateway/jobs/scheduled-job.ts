import type { Logger } from 'pino';
import { codeOf, messageOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { FencingToken } from '../../core/wire/index.ts';
import { type Coordinator, fencedTransaction, retrying } from '../coordination/index.ts';
import { type JobRecord, jobKey, jobRecordIn } from './record.ts';
import type { Schedule } from './schedule.ts';
import type { Job, JobCounters } from './types.ts';

/** Clocks of gateways differ, and timers fire a little early: a time that is this far ahead has not come. */
const EARLY_MS = 500;
const DETAIL_LENGTH_MAX = 500;

export interface ScheduledJobDeps {
  coordinator: Pick<Coordinator, 'get' | 'transaction'>;
  schedule: (expression: string) => Schedule;
  /** Name of this gateway. */
  gateway: string;
  clock: Clock;
  random: Random;
  log: Logger;
  fence: FencingToken;
  /** Aborts when this gateway leads no more. */
  signal: AbortSignal;
  counters: JobCounters;
  /** A later leader was there. */
  onFenced: (error: unknown) => void;
}

/**
 * One job under one leader. Its record says when it is due next, and moves on only when a run has ended: what a leader did
 * not come to, or did not end, the next one finds due.
 */
export class ScheduledJob {
  readonly #job: Job;
  readonly #deps: ScheduledJobDeps;
  readonly #schedule: Schedule;
  #record: JobRecord;
  #running: Promise<void> | undefined;

  constructor(job: Job, deps: ScheduledJobDeps) {
    this.#job = job;
    this.#deps = deps;
    this.#schedule = deps.schedule(job.schedule);
    this.#record = { schedule: job.schedule, nextDueMs: this.#schedule.nextMs() };
  }

  /** Takes over from the leader before. Rejects with FENCED, or as the coordinator does when the signal has aborted. */
  async begin(): Promise<void> {
    const { coordinator, clock, signal, counters } = this.#deps;
    const found = jobRecordIn(await this.#retrying(() => coordinator.get(jobKey(this.#job.name), { signal })));
    // Under another schedule nothing was missed, by whatever the old one said.
    if (found?.schedule === this.#job.schedule) this.#record = found;
    else await this.#save({ ...(found?.last && { last: found.last }), ...this.#record });
    if (signal.aborted) return;
    this.#schedule.start(() => this.#due());
    if (this.#record.nextDueMs > clock.wallMs()) return;
    counters.madeUp++;
    this.#due();
  }

  /** Resolves when no run is under way any more. */
  async stop(): Promise<void> {
    this.#schedule.stop();
    await this.#running;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  #due(): void {
    const { clock, counters, signal } = this.#deps;
    if (signal.aborted || clock.wallMs() + EARLY_MS < this.#record.nextDueMs) return;
    if (this.#running !== undefined) {
      counters.overlapped++;
      return;
    }
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock, fence, signal, counters, gateway, onFenced } = this.#deps;
    const { name } = this.#job;
    const log = this.#deps.log.child({ job: name, fencingToken: fence.token });
    const began = clock.monotonicMs();
    const start = { startedAtMs: Math.round(clock.wallMs()), gateway, fencingToken: fence.token };
    try {
      await this.#save({ ...this.#record, running: start });
      const end = await this.#job.run({ fence, signal, log }).then(
        (detail) => ({ outcome: 'succeeded' as const, detail }),
        (error: unknown) => ({ outcome: 'failed' as const, detail: messageOf(error), code: codeOf(error) }),
      );
      if (end.outcome === 'failed' && signal.aborted) {
        counters.cutShort++;
        return;
      }
      counters[end.outcome]++;
      if (end.outcome === 'failed') log.error({ code: end.code, reason: end.detail }, 'a job failed');
      const detail = end.detail?.slice(0, DETAIL_LENGTH_MAX);
      const durationMs = Math.round(clock.monotonicMs() - began);
      const last = { ...start, durationMs, outcome: end.outcome, ...(detail === undefined ? {} : { detail }) };
      await this.#save({ schedule: this.#job.schedule, nextDueMs: this.#schedule.nextMs(), last });
    } catch (error) {
      if (codeOf(error) === 'FENCED') {
        counters.fenced++;
        onFenced(error);
      } else if (!signal.aborted) {
        log.warn({ code: codeOf(error), reason: messageOf(error) }, 'what became of a job could not be kept');
      }
    }
  }

  async #save(record: JobRecord): Promise<void> {
    const { coordinator, fence } = this.#deps;
    const put = { op: 'put' as const, key: jobKey(this.#job.name), value: JSON.stringify(record) };
    await this.#retrying(() => fencedTransaction(coordinator, fence, [put]));
    this.#record = record;
  }

  #retrying<T>(call: () => Promise<T>): Promise<T> {
    return retrying(this.#deps, this.#deps.signal, call);
  }
}
