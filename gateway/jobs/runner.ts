import type { Logger } from 'pino';
import { codeOf, messageOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { type Coordinator, claimFence, retrying } from '../coordination/index.ts';
import { cronSchedule, type Schedule } from './schedule.ts';
import { ScheduledJob } from './scheduled-job.ts';
import type { Job, JobCounters } from './types.ts';

export interface JobRunnerOptions {
  jobs: Job[];
  coordinator: Pick<Coordinator, 'get' | 'transaction'>;
  /** Tells when this gateway leads its site, with a token that grows from leader to leader, and when it does no more. */
  onLeadership: (listener: (fencingToken: number | undefined) => void) => () => void;
  /** What the tokens are of; another name whenever they begin anew, as with another driver of the agreement. */
  scope: string;
  /** Name of this gateway. */
  gateway: string;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Default: cron. */
  schedule?: (expression: string) => Schedule;
}

/** What is done under one leadership. */
interface Tenure {
  ended: AbortController;
  /** Resolves when no run is under way any more. */
  over: Promise<void>;
}

/** Runs the jobs of a site while this gateway leads it. No run of a job overlaps another of this gateway, also over two of its leaderships. */
export class JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #counters: Map<string, JobCounters>;
  #stopListening: (() => void) | undefined;
  #tenure: Tenure | undefined;
  #running: readonly ScheduledJob[] = [];

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    this.#counters = new Map(options.jobs.map(({ name }) => [name, noCounts()]));
  }

  /** By name of the job. */
  get counters(): ReadonlyMap<string, Readonly<JobCounters>> {
    return this.#counters;
  }

  /** Runs under way. */
  get running(): number {
    return this.#running.filter(({ isRunning }) => isRunning).length;
  }

  start(): void {
    this.#stopListening ??= this.#options.onLeadership((token) => {
      this.#tenure?.ended.abort();
      if (token !== undefined) this.#lead(token);
    });
  }

  /** Resolves when no run is under way any more. Safe twice. */
  async stop(): Promise<void> {
    this.#stopListening?.();
    this.#tenure?.ended.abort();
    await this.#tenure?.over;
  }

  #lead(token: number): void {
    const ended = new AbortController();
    const before = this.#tenure?.over ?? Promise.resolve();
    this.#tenure = { ended, over: before.then(() => this.#serve(token, ended)) };
  }

  /** Until the leadership ends. Never rejects. */
  async #serve(token: number, ended: AbortController): Promise<void> {
    const { coordinator, scope, schedule = cronSchedule, ...deps } = this.#options;
    const { signal } = ended;
    const log = deps.log.child({ fencingToken: token });
    const fence = { scope, token };
    const onFenced = (error: unknown): void => {
      log.warn({ code: codeOf(error), reason: messageOf(error) }, 'a later leader runs the jobs of this site');
      ended.abort();
    };
    if (signal.aborted) return;
    const jobs = this.#options.jobs.map(
      (job) =>
        new ScheduledJob(job, {
          ...{ coordinator, schedule, gateway: deps.gateway, clock: deps.clock, random: deps.random, log: deps.log },
          ...{ fence, signal, onFenced, counters: this.#counters.get(job.name)! },
        }),
    );
    this.#running = jobs;
    try {
      await retrying(deps, signal, () => claimFence(coordinator, fence, { signal }));
      await Promise.all(jobs.map((job) => job.begin()));
      await aborted(signal);
    } catch (error) {
      if (codeOf(error) === 'FENCED') onFenced(error);
      else if (!signal.aborted) {
        log.error({ code: codeOf(error), reason: messageOf(error) }, 'the jobs of this site could not be taken over');
      }
    } finally {
      ended.abort();
      await Promise.all(jobs.map((job) => job.stop()));
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function noCounts(): JobCounters {
  return { succeeded: 0, failed: 0, cutShort: 0, overlapped: 0, madeUp: 0, fenced: 0 };
}
