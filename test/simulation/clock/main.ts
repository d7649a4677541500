/** The spread of simulated clocks over many seeds; see --help. */
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { seededRandom } from '../../../core/random/index.ts';
import { SCENARIOS, type ScenarioName, scenarioOf, simulateClock } from './index.ts';

const HELP = `The clocks of a site's gateways, in virtual time: how far apart they are once 210 s have passed.

  npm run simulate:clock -- [options]

  --seeds N        of each scenario, default 100
  --seed S         the first of them, default 1
  --scenario NAME  ${SCENARIOS.join(', ')}; may be given several times, default all
  --jobs J         worker threads, default 2
  --json           the result as JSON on standard output
  --help

Each seed also checks that clocks never go backwards, keep their rates, and that the truth lies within what they say. Ends with 1 when
a seed fails, or a spread is beyond its goal.

Example:
  $ npm run simulate:clock -- --seeds 1000 --scenario lan --scenario wifi
`;

interface Batch {
  scenario: ScenarioName;
  seed: number;
  count: number;
}

interface Found {
  scenario: ScenarioName;
  spreadsMs: Float64Array;
  uncertaintiesMs: Float64Array;
  failed: { seed: number; violation: string } | undefined;
}

const SEEDS_AT_ONCE = 10;

function simulateBatch({ scenario, seed, count }: Batch): Found {
  const spreads: number[] = [];
  const uncertainties: number[] = [];
  let failed: Found['failed'];
  for (let nth = 0; nth < count; nth++) {
    const { violation } = simulateClock({
      ...{ seed: seed + nth, scenario },
      onSettled: ({ spreadMs, uncertaintyMs }) => {
        spreads.push(spreadMs);
        uncertainties.push(uncertaintyMs);
      },
    });
    if (violation !== undefined) failed ??= { seed: seed + nth, violation };
  }
  return {
    ...{ scenario, failed },
    spreadsMs: Float64Array.from(spreads),
    uncertaintiesMs: Float64Array.from(uncertainties),
  };
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      scenario: { type: 'string', multiple: true },
      jobs: { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const wanted = values.scenario ?? [...SCENARIOS];
  const unknown = wanted.find((name) => !(SCENARIOS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new RangeError(`There is no scenario ${unknown}. See --help.`);
  const seeds = wholeNumber('--seeds', values.seeds);
  const first = wholeNumber('--seed', values.seed);
  const batches: Batch[] = wanted.flatMap((scenario) =>
    Array.from({ length: Math.ceil(seeds / SEEDS_AT_ONCE) }, (_, nth) => ({
      scenario: scenario as ScenarioName,
      seed: first + nth * SEEDS_AT_ONCE,
      count: Math.min(SEEDS_AT_ONCE, seeds - nth * SEEDS_AT_ONCE),
    })),
  );
  const found = await runAll(batches, wholeNumber('--jobs', values.jobs));
  const rows = wanted.map((name) => rowOf(name as ScenarioName, seeds, found));
  if (values.json) process.stdout.write(`${JSON.stringify({ seeds, first, scenarios: rows })}\n`);
  else process.stdout.write(tableOf(rows));
  return rows.every(({ ok }) => ok) ? 0 : 1;
}

function runAll(batches: Batch[], jobs: number): Promise<Found[]> {
  const found: Found[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Found[]>();
  const all = batches.length;
  let busy = jobs;
  const next = (worker: Worker): void => {
    const batch = batches.shift();
    if (batch !== undefined) {
      worker.postMessage(batch);
      return;
    }
    void worker.terminate();
    if (--busy === 0) resolve(found);
  };
  for (let nth = 0; nth < jobs; nth++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: 'clock' });
    worker.on('error', reject);
    worker.on('message', (one: Found) => {
      found.push(one);
      if (process.stderr.isTTY) process.stderr.write(`\r${found.length} of ${all} batches `);
      next(worker);
    });
    next(worker);
  }
  return promise;
}

function rowOf(scenario: ScenarioName, seeds: number, found: readonly Found[]) {
  const own = found.filter((one) => one.scenario === scenario);
  const sorted = (pick: (one: Found) => Float64Array): Float64Array =>
    Float64Array.from(own.flatMap((one) => [...pick(one)])).sort();
  const spreads = sorted(({ spreadsMs }) => spreadsMs);
  const uncertainties = sorted(({ uncertaintiesMs }) => uncertaintiesMs);
  const goalMs = scenarioOf(scenario, seededRandom(scenario)).spreadGoalMs;
  const failed = own.flatMap((one) => (one.failed === undefined ? [] : [one.failed]));
  const spreadMs = { p50: quantile(spreads, 0.5), p99: quantile(spreads, 0.99), max: quantile(spreads, 1) };
  return {
    ...{ scenario, seeds, looks: spreads.length, spreadMs, failed: failed.slice(0, 3), failures: failed.length },
    uncertaintyMs: { p50: quantile(uncertainties, 0.5), max: quantile(uncertainties, 1) },
    ...(goalMs === undefined ? {} : { goalMs }),
    ok: failed.length === 0 && (goalMs === undefined || spreadMs.p99 <= goalMs),
  };
}

function tableOf(rows: readonly ReturnType<typeof rowOf>[]): string {
  const ms = (value: number): string => value.toFixed(4).padStart(10);
  const lines = rows.map(({ scenario, seeds, spreadMs, uncertaintyMs, goalMs, ok, failed, failures }) =>
    [
      `${ok ? ' ' : '✗'} ${scenario.padEnd(13)}${String(seeds).padStart(6)}${ms(spreadMs.p50)}${ms(spreadMs.p99)}${ms(spreadMs.max)}`,
      `${ms(uncertaintyMs.p50)}${ms(uncertaintyMs.max)}  ${goalMs === undefined ? '' : `p99 <= ${goalMs}`}`,
      ...(failures === 0
        ? []
        : [`  ${failures} seeds failed: ${failed.map((one) => `${one.seed}: ${one.violation}`).join('; ')}`]),
    ].join(''),
  );
  const head = '  scenario       seeds  spread p50      p99       max   uncertainty p50   max  goal (ms)';
  return `${head}\n${lines.join('\n')}\n`;
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new RangeError(`${option} takes a whole number from 1, not ${text}.`);
  return number;
}

if (!isMainThread && workerData === 'clock') {
  parentPort?.on('message', (batch: Batch) => parentPort?.postMessage(simulateBatch(batch)));
} else {
  try {
    process.exitCode = await main();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}
