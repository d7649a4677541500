import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../core/errors/index.ts';
import { delay, systemClock } from '../../core/time/index.ts';
import { KvClient } from './failover/client.ts';
import { Cluster } from './failover/cluster.ts';
import { latticeWith } from './failover/contenders.ts';
import { type Figure, percentile, rounded } from './figures.ts';

/*
 * Three gateways that agree while the event loop of each is blocked half of the time: nobody may take a leader that is late for a
 * dead one. See --help.
 */
const EXIT_USAGE = 2;
/** As a shell tells of a program that was interrupted. */
const EXIT_INTERRUPTED = 130;
const MINUTES = 10;
const BLOCKED_MS = { msMin: 10, msMax: 200 };
/** What a member takes a write for by itself. */
const PUT_TIMEOUT_MS = 5_000;
/** Between two writes. */
const PAUSE_MS = 20;
const TELL_EVERY_MS = 30_000;
const MS_PER_S = 1_000;
const MS_PER_MINUTE = 60 * MS_PER_S;

const HELP = `npm run soak:consensus [-- OPTIONS]

Three members on this machine, each a process whose event loop is blocked for ${BLOCKED_MS.msMin} to ${BLOCKED_MS.msMax} ms, runs for as long, and so on, while a
client writes at each in turn. Ends with code 1 when a member has stood for election after the first leader was found, or when a write
was not acknowledged within ${PUT_TIMEOUT_MS / MS_PER_S} s; with 2 when it cannot run.

  --minutes N   how long (default: ${MINUTES})
  --seed TEXT   of the blocks; printed (default: by the time of day)
  --data DIR    where the members keep their data (default: ${tmpdir()})
  --json        ends in one line of figures
  --help        this text

Examples:
  $ npm run soak:consensus -- --minutes 1
  $ npm run soak:consensus -- --json | tail -1`;

/** Nobody is compared. */
type SoakFigure = Omit<Figure, 'peer' | 'ratio'>;

const { values: options } = parsed();
if (options.help) {
  process.stdout.write(`${HELP}\n`);
} else if (!(Number(options.minutes) > 0)) {
  refuse('--minutes takes a number above 0.');
} else {
  try {
    const folder = await mkdtemp(join(options.data, 'lattice-soak-consensus-'));
    // A member that was just killed may still be in a system call that makes a file.
    process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(EXIT_INTERRUPTED));
    await soak(folder, Number(options.minutes) * MS_PER_MINUTE);
  } catch (error) {
    refuse(`It could not be finished: ${messageOf(error)}`);
    process.exit();
  }
}

async function soak(folder: string, durationMs: number): Promise<void> {
  process.stdout.write(`seed ${options.seed}\n`);
  const client = new KvClient();
  const cluster = await Cluster.start(latticeWith({ blocked: { ...BLOCKED_MS, seed: options.seed } }), folder, client);
  const firstTerm = await highestTerm(cluster);
  process.stdout.write(`the first leader leads in term ${firstTerm}\n`);
  const startMs = performance.now();
  let told = { atMs: startMs, writes: 0 };
  const latenciesMs: number[] = [];
  let failed = 0;
  for (let turn = 0; performance.now() - startMs < durationMs; turn++) {
    const port = cluster.ports[turn % cluster.ports.length] as number;
    const beginMs = performance.now();
    try {
      await client.put(port, 'soak', String(turn), AbortSignal.timeout(PUT_TIMEOUT_MS));
      latenciesMs.push(performance.now() - beginMs);
    } catch {
      failed += 1;
    }
    if (performance.now() - told.atMs > TELL_EVERY_MS) {
      const perSecond = ((latenciesMs.length - told.writes) * MS_PER_S) / (performance.now() - told.atMs);
      const minutes = (performance.now() - startMs) / MS_PER_MINUTE;
      const term = await highestTerm(cluster);
      process.stdout.write(`${minutes.toFixed(1)} min: term ${term}, ${perSecond.toFixed(1)} writes/s\n`);
      told = { atMs: performance.now(), writes: latenciesMs.length };
    }
    await delay(systemClock, PAUSE_MS);
  }
  const terms = (await highestTerm(cluster)) - firstTerm;
  await cluster.stop();
  client.close();
  tell(figuresOf(terms, failed, latenciesMs));
}

function figuresOf(terms: number, failed: number, latenciesMs: readonly number[]): SoakFigure[] {
  const ms = (part: number): number => rounded(percentile(latenciesMs, part), 0);
  return [
    { name: 'terms after the first', value: terms, unit: 'terms', goal: '= 0', ok: terms === 0 },
    { name: 'writes not acknowledged', value: failed, unit: 'writes', goal: '= 0', ok: failed === 0 },
    { name: 'writes', value: latenciesMs.length, unit: 'writes', goal: '', ok: true },
    { name: 'latency p50', value: ms(0.5), unit: 'ms', goal: '', ok: true },
    { name: 'latency p99', value: ms(0.99), unit: 'ms', goal: '', ok: true },
  ];
}

function tell(figures: readonly SoakFigure[]): void {
  for (const { name, value, unit, goal, ok } of figures) {
    process.stdout.write(
      `${ok ? ' ' : '✗'} ${name}: ${value.toLocaleString('en')} ${unit}  ${goal}`.trimEnd().concat('\n'),
    );
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ bench: 'soak-consensus', figures })}\n`);
  if (figures.some(({ ok }) => !ok)) process.exitCode = 1;
}

async function highestTerm(cluster: Cluster): Promise<number> {
  return Math.max(...(await cluster.statuses()).map((status) => status?.term ?? 0));
}

function parsed() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string', default: String(MINUTES) },
        seed: { type: 'string', default: String(Date.now()) },
        data: { type: 'string', default: tmpdir() },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    refuse(`${(error as Error).message} See --help.`);
    process.exit();
  }
}

function refuse(reason: string): void {
  process.stderr.write(`${reason}\n`);
  process.exitCode = EXIT_USAGE;
}
