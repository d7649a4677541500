/** Runs seeds of the simulations on worker threads; see --help. */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { PARTS, PROFILES, profileOf } from './parts.ts';
import { failureReport } from './report.ts';
import type { Job, JobDone } from './worker.ts';
import type { FaultProfile } from './world/faults/index.ts';

const HELP = `Gateways that agree, in virtual time: networks, disks, clocks and processes that fail, from a seed.

  npm run simulate -- [options]

  --seeds N      how many seeds, default 1000
  --seed S       the first of them, default 1
  --part P       ${Object.keys(PARTS).join(', ')} or all, default all
  --profile P    ${PROFILES.join(', ')};
                 default: everything for every second seed, the others in turns
  --jobs J       worker threads, default 2
  --json         the result as JSON on standard output
  --help

Ends with 1 at the first seed that fails, and tells its shortest schedule of faults, its trace, and how to run it again.
`;

const JOBS_AT_ONCE = 10;

interface Totals {
  runs: number;
  events: number;
  counts: Record<string, number>;
}

async function main(): Promise<number> {
  const options = {
    seeds: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    part: { type: 'string', default: 'all' },
    profile: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const parts = values.part === 'all' ? Object.keys(PARTS) : [values.part];
  for (const part of parts) if (!(part in PARTS)) throw new RangeError(`There is no part ${part}.`);
  if (values.profile !== undefined && !(PROFILES as readonly string[]).includes(values.profile)) {
    throw new RangeError(`There is no profile ${values.profile}.`);
  }
  const first = wholeNumber('--seed', values.seed);
  const count = wholeNumber('--seeds', values.seeds);
  const jobs = parts.flatMap((part) =>
    Array.from({ length: count }, (_, nth): Job => {
      const seed = first + nth;
      return { part, seed, profile: (values.profile as FaultProfile | undefined) ?? profileOf(seed) };
    }),
  );
  const startMs = performance.now();
  const { failed, totals } = await runAll(jobs, wholeNumber('--jobs', values.jobs), startMs);
  const seconds = (performance.now() - startMs) / 1_000;
  const summary = { ...totals, seconds, seedsPerSecond: totals.runs / seconds, failed };
  if (values.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else process.stdout.write(`${totals.runs} seeds in ${seconds.toFixed(1)} s. ${describeCounts(totals)}\n`);
  if (failed === undefined) return 0;
  process.stderr.write(`${failureReport(failed.part, failed.seed, failed.profile)}\n`);
  return 1;
}

/** Until one fails, or all are done. */
function runAll(
  jobs: Job[],
  threads: number,
  startMs: number,
): Promise<{ failed: JobDone | undefined; totals: Totals }> {
  const totals: Totals = { runs: 0, events: 0, counts: {} };
  const all = jobs.length;
  const workers = Array.from({ length: threads }, () => new Worker(new URL('worker.ts', import.meta.url)));
  const { promise, resolve, reject } = Promise.withResolvers<JobDone | undefined>();
  let busy = workers.length;
  let shownMs = startMs;
  const next = (worker: Worker): void => {
    const batch = jobs.splice(0, JOBS_AT_ONCE);
    if (batch.length > 0) worker.postMessage(batch);
    else if (--busy === 0) resolve(undefined);
  };
  for (const worker of workers) {
    worker.on('error', reject);
    worker.on('message', (done: JobDone[]) => {
      for (const one of done) {
        add(totals, one);
        if (one.violation !== undefined) resolve(one);
      }
      const nowMs = performance.now();
      if (nowMs - shownMs >= (process.stderr.isTTY ? 1_000 : 10_000)) {
        shownMs = nowMs;
        showProgress(totals.runs, all, nowMs - startMs);
      }
      next(worker);
    });
    next(worker);
  }
  return promise
    .then((failed) => ({ failed, totals }))
    .finally(() => Promise.all(workers.map((worker) => worker.terminate())));
}

function add(totals: Totals, { events, counts }: JobDone): void {
  totals.runs += 1;
  totals.events += events;
  for (const [name, count] of Object.entries(counts)) totals.counts[name] = (totals.counts[name] ?? 0) + count;
}

function showProgress(runs: number, all: number, tookMs: number): void {
  const perSecond = (runs / tookMs) * 1_000;
  const end = process.stderr.isTTY ? '\r' : '\n';
  process.stderr.write(`${runs} of ${all} seeds, ${perSecond.toFixed(1)} seeds/s${end}`);
}

function describeCounts({ events, counts }: Totals): string {
  const all = Object.entries({ events, ...counts });
  return all
    .map(([name, count]) => `${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} ${count}`)
    .join(', ');
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new RangeError(`${option} takes a whole number from 1, not ${text}.`);
  return number;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
