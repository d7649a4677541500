import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../core/errors/index.ts';
import { isInstalled } from '../support/peers.ts';
import { CASES, type Case, type Contender } from './broker/cases.ts';
import { type Extent, measure, type Round } from './broker/measure.ts';
import { mosquittoVersion } from './broker/mosquitto.ts';
import { canPin, LOAD_CORE, pin } from './broker/pin.ts';
import { barsOf, type CaseRounds, caseText, figuresOf } from './broker/report.ts';
import { barChart } from './broker/svg.ts';

/*
 * One Lattice broker against one Mosquitto, and our link against Mosquitto's bridge: the same machine, the same load, in turn.
 * See --help.
 */
const EXIT_USAGE = 2;
/** As a shell tells of a program that was interrupted. */
const EXIT_INTERRUPTED = 130;
const WHOLE: Extent & { rounds: number } = { rounds: 3, warmUpMs: 1_000, measureMs: 3_000, messages: 100_000 };
/** Since the start of this process. A case that would most likely end later is left out, as on a machine that is busy otherwise. */
const QUICK_MS_MAX = 44_000;
const QUICK: typeof WHOLE = { rounds: 1, warmUpMs: 300, measureMs: 800, messages: 10_000 };

const HELP = `npm run bench:broker [-- OPTIONS]

Compares a Lattice broker with Mosquitto on this machine, with the same load in turn, and prints both, with the ratio of the
medians. Ends with code 1 when a goal is missed, with 2 when it cannot run. A whole run takes some ten minutes.

  --quick          ends in 45 s: fewer cases, one short round; what there is no time for is left out, and named
  --case NAME      only this case; may be given several times
  --rounds N       rounds of each case (default: ${WHOLE.rounds}, with --quick ${QUICK.rounds})
  --data DIR       where the brokers keep their data; it decides how long a sync takes (default: ${tmpdir()})
  --svg FILE       where the chart goes (default: .artifacts/bench-broker.svg)
  --json           ends in one line of figures
  --help           this text

Cases (* with --quick):
${CASES.map(({ name, title, isQuick }) => `  ${isQuick ? '*' : ' '} ${name.padEnd(26)} ${title}`).join('\n')}

Examples:
  $ npm run bench:broker -- --quick
  $ npm run bench:broker -- --case link --case link-wire --rounds 5
  $ npm run bench:broker -- --json --data /mnt/ssd | tail -1`;

const { values: options } = parsed();
if (options.help) {
  process.stdout.write(`${HELP}\n`);
} else {
  const unknown = (options.case ?? []).find((name) => !CASES.some((each) => each.name === name));
  const rounds = options.rounds === undefined ? undefined : Number(options.rounds);
  if (unknown !== undefined) refuse(`There is no case "${unknown}". See --help.`);
  else if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1)) refuse('--rounds takes a whole number.');
  else if (!isInstalled('mosquitto')) refuse('Mosquitto is missing: apt-get install mosquitto');
  else await compareAndClearUp(rounds);
}

/** Whatever ends the run, nothing of it is left behind. */
async function compareAndClearUp(rounds: number | undefined): Promise<void> {
  try {
    const folder = await mkdtemp(join(options.data, 'lattice-bench-broker-'));
    // A broker that was just killed may still be in a system call that makes a file.
    process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    // Not once: a signal often comes twice, from the terminal and from npm, and the second would end the clearing up.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(EXIT_INTERRUPTED));
    await compare(folder, rounds);
  } catch (error) {
    refuse(`The comparison could not be finished: ${messageOf(error)}`);
    // What was started for it ends with this process.
    process.exit();
  }
}

async function compare(folder: string, rounds: number | undefined): Promise<void> {
  const { rounds: usual, ...extent } = options.quick ? QUICK : WHOLE;
  const chosen = CASES.filter(({ name, isQuick }) => options.case?.includes(name) ?? (!options.quick || isQuick));
  const settings = settingsOf(rounds ?? usual, extent);
  for (const line of settings) process.stdout.write(`${line}\n`);
  // The proxy of some cases runs in this process.
  pin(process.pid, LOAD_CORE);
  const done: CaseRounds[] = [];
  const endMs = options.quick ? QUICK_MS_MAX : Number.POSITIVE_INFINITY;
  let longestMs = 0;
  for (const the of chosen) {
    const startedMs = performance.now();
    if (startedMs + longestMs > endMs) {
      process.stdout.write(`\n${the.title}\n  left out: there is no time for it with --quick\n`);
      continue;
    }
    const result = await roundsOf(the, rounds ?? usual, extent, folder);
    longestMs = Math.max(longestMs, performance.now() - startedMs);
    done.push(result);
    process.stdout.write(caseText(result));
  }
  const figures = done.flatMap(figuresOf);
  const missed = figures.filter(({ ok }) => !ok);
  const goals = figures.filter(({ goal }) => goal !== '').length;
  process.stdout.write(`\n${goals - missed.length} of ${goals} figures with a goal reach it.\n`);
  await chart(options.svg, done, settings);
  if (options.json) process.stdout.write(`${JSON.stringify({ bench: 'broker', figures })}\n`);
  if (missed.length > 0) process.exitCode = 1;
}

/** The contenders take turns, and who begins changes too, so that a machine that slows down slows both. */
async function roundsOf(the: Case, count: number, extent: Extent, folder: string): Promise<CaseRounds> {
  const ours: Round[] = [];
  const peers: Round[] = [];
  const once = async (contender: Contender, into: Round[]): Promise<void> => {
    const text = `${the.name}, round ${into.length + 1} of ${count}: ${contender.label}`;
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
    into.push(await measure(the, contender, extent, folder));
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  };
  for (let round = 0; round < count; round++) {
    if (round % 2 === 0) await once(the.ours, ours);
    await once(the.peer, peers);
    if (round % 2 === 1) await once(the.ours, ours);
  }
  return { the, ours, peers };
}

function settingsOf(rounds: number, { warmUpMs, measureMs, messages }: Extent): string[] {
  return [
    `Lattice with its defaults, on disk in ${options.data} before PUBACK; Mosquitto ${mosquittoVersion()} without persistence.`,
    'Both check a password and the right to each topic; Mosquitto has no bound on queues and messages in flight.',
    canPin
      ? 'Brokers run on core 0, load generator (and proxy, where bytes are counted or a link is cut) on core 1.'
      : 'There is no taskset or no second core: brokers and load generator share the processor.',
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${measureMs} ms after ${warmUpMs} ms, or of ${messages.toLocaleString('en')} messages; latency at full load;`,
    'at most 10,000 messages are under way to subscribers, at QoS 0 too. Ratios are Lattice to Mosquitto. Over a link,',
    'processor time and memory are those of both brokers.',
  ];
}

async function chart(file: string, done: readonly CaseRounds[], settings: readonly string[]): Promise<void> {
  const bars = done.flatMap(barsOf);
  if (bars.length === 0) return;
  await mkdir(dirname(file), { recursive: true });
  const title = 'Lattice: how many times better than Mosquitto, median of rounds (line: least to most, blue: goal)';
  await writeFile(file, barChart(title, bars, settings));
  process.stdout.write(`${file}\n`);
}

function parsed() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        case: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        data: { type: 'string', default: tmpdir() },
        svg: { type: 'string', default: '.artifacts/bench-broker.svg' },
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
