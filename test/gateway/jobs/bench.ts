import { pino } from 'pino';
import { seededRandom } from '../../../core/random/index.ts';
import { type Clock, VirtualClock } from '../../../core/time/index.ts';
import { type Job, type JobContext, type JobRecord, JobRunner, readJobRecords } from '../../../gateway/jobs/index.ts';
import { MemoryCoordinator, MemoryStore } from '../../support/memory-coordinator.ts';

export const SCOPE = 'home/leader';
export const MINUTE_MS = 60_000;

/** A run that a test ends by hand. */
export interface OpenRun extends JobContext {
  gateway: string;
  succeed(detail?: string): void;
  fail(error: Error): void;
}

/** Gateways of a site in virtual time, with one job that is due each minute, and whose runs a test ends. */
export class JobBench {
  readonly clock = new VirtualClock(Math.ceil(1_700_000_000_000 / MINUTE_MS) * MINUTE_MS);
  readonly store = new MemoryStore(this.clock);
  readonly coordinator = new MemoryCoordinator(this.store);
  readonly runs: OpenRun[] = [];
  readonly #runners: JobRunner[] = [];

  gateway(name: string, { clock = this.clock, schedule = 'each minute' }: { clock?: Clock; schedule?: string } = {}) {
    const due = new Set<() => void>();
    let tell: (token: number | undefined) => void = () => {};
    const job: Job = {
      name: 'tidy',
      schedule,
      run: (context) =>
        new Promise((resolve, reject) => {
          this.runs.push({ ...context, gateway: name, succeed: resolve, fail: reject });
        }),
    };
    const runner = new JobRunner({
      jobs: [job],
      ...{ coordinator: this.coordinator, scope: SCOPE, gateway: name, clock },
      random: seededRandom(name),
      log: pino({ level: 'silent' }),
      onLeadership(listener) {
        tell = listener;
        return () => {};
      },
      schedule() {
        let own: (() => void) | undefined;
        return {
          nextMs: () => (Math.floor(clock.wallMs() / MINUTE_MS) + 1) * MINUTE_MS,
          start(onDue) {
            own = onDue;
            due.add(onDue);
          },
          stop: () => own && due.delete(own),
        };
      },
    });
    runner.start();
    this.#runners.push(runner);
    return {
      runner,
      counters: runner.counters.get('tidy')!,
      /** The lead is won, or lost, and what follows from it done. */
      async lead(token: number | undefined): Promise<void> {
        tell(token);
        await settled();
      },
      /** The time has come, as this gateway's schedule has it. */
      async fire(): Promise<void> {
        for (const onDue of due) onDue();
        await settled();
      },
    };
  }

  async record(): Promise<JobRecord | undefined> {
    return (await readJobRecords(this.coordinator)).get('tidy');
  }

  async stop(): Promise<void> {
    for (const run of this.runs) run.succeed();
    await Promise.all(this.#runners.map((runner) => runner.stop()));
    this.store.stop();
  }
}

/** Lets whatever waits for promises alone go on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
