import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../core/errors/index.ts';
import { isInstalled } from '../support/peers.ts';
import { measureBesideChrony, type PeerResult } from './clock/beside-chrony.ts';
import { PATH_CASES, type PathCase, PEER_CASES, type PeerCase } from './clock/cases.ts';
import { type Extent, measurePath, type PathResult } from './clock/measure.ts';
import { pathFigures, pathHead, pathLine, peerFigures, peerText } from './clock/report.ts';
import { lineCharts, type Panel } from './clock/svg.ts';

/*
 * How far the clocks of gateways are apart, on real processes whose true offset is known, and beside Debian's chrony. See --help.
 */
const EXIT_USAGE = 2;
/** As a shell tells of a program that was interrupted. */
const EXIT_INTERRUPTED = 130;
const WHOLE: Extent = { settleMs: 20_000, measureMs: 60_000 };
/** Cases that leave the processor idle then run at the same time. */
const QUICK: Extent = { settleMs: 4_000, measureMs: 4_000 };
/** Since the start of this process. A case that would most likely end later is left out, as on a machine that is busy otherwise. */
const QUICK_MS_MAX = 44_000;
const MS_PER_S = 1_000;

const HELP = `npm run bench:clock [-- OPTIONS]

Gateways' clocks as processes of this machine, three in each case. They share CLOCK_MONOTONIC, so what each shows at the same moment is
compared exactly with the master, every 100 ms, once they have had ${WHOLE.settleMs / MS_PER_S} s to settle. "Blocked": the main thread of
each is in busy loops of 10 to 200 ms for half of the time. "Stated": the uncertainty that a member tells with its time (p50 and max).
Beside it, through delay proxies of the same kind (base + mean of an exponential jitter, each way), one of ours and Debian's chrony
(with -x: it sets no clock) that follow the same master.
Ends with code 1 when a goal is missed, with 2 when it cannot run. A whole run takes some twelve minutes. Only on an idle machine do the
figures mean anything: the load is printed.

  --quick         ends in 45 s: fewer cases, those without blocked threads all at once, ${QUICK.settleMs / MS_PER_S} s to settle
  --case NAME     only this case; may be given several times
  --seconds N     how long each case is measured (default: ${WHOLE.measureMs / MS_PER_S}, with --quick ${QUICK.measureMs / MS_PER_S})
  --svg FILE      where the chart of errors over time goes (default: .artifacts/bench-clock.svg)
  --json          ends in one line of figures
  --help          this text

Cases (* with --quick):
${PATH_CASES.map(({ name, title, isQuick }) => `  ${isQuick ? '*' : ' '} ${name.padEnd(14)} ${title}`).join('\n')}
${PEER_CASES.map(({ name, title }) => `  * ${name.padEnd(14)} beside chrony, ${title}`).join('\n')}

Examples:
  $ npm run bench:clock -- --quick
  $ npm run bench:clock -- --case udp --case udp-blocked --seconds 20
  $ npm run bench:clock -- --json | tail -1`;

const { values: options } = parsed();
if (options.help) {
  process.stdout.write(`${HELP}\n`);
} else {
  const known = [...PATH_CASES, ...PEER_CASES].map(({ name }) => name);
  const unknown = (options.case ?? []).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`There is no case "${unknown}". See --help.`);
  else if (!/^[1-9]\d*$/.test(options.seconds ?? '1')) refuse('--seconds takes a whole number, 1 or more.');
  else if (!isInstalled('chronyd')) refuse('chrony is missing: apt-get install chrony');
  else await measureAndClearUp();
}

/** Whatever ends the run, nothing of it is left behind. */
async function measureAndClearUp(): Promise<void> {
  try {
    // Each process that is started is ended with this one.
    process.setMaxListeners(100);
    const folder = await mkdtemp(join(tmpdir(), 'lattice-bench-clock-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    // Not once: a signal often comes twice, from the terminal and from npm, and the second would end the clearing up.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(EXIT_INTERRUPTED));
    await measureAll(folder);
  } catch (error) {
    refuse(`The measurement could not be finished: ${messageOf(error)}`);
    // What was started for it ends with this process.
    process.exit();
  }
}

async function measureAll(folder: string): Promise<void> {
  const usual = options.quick ? QUICK : WHOLE;
  const measureMs = options.seconds === undefined ? usual.measureMs : Number(options.seconds) * MS_PER_S;
  const extent: Extent = { ...usual, measureMs };
  const isChosen = ({ name }: { name: string }): boolean => options.case?.includes(name) ?? true;
  const paths = PATH_CASES.filter((the) => isChosen(the) && (!options.quick || the.isQuick));
  const peers = PEER_CASES.filter(isChosen);
  process.stdout.write(`${loadText()}\n`);
  const { pathResults, peerResults } = options.quick
    ? await measureAtOnce(paths, peers, extent, folder)
    : await measureInTurn(paths, peers, { extent, folder });
  if (pathResults.length > 0) process.stdout.write(pathHead() + pathResults.map(pathLine).join(''));
  if (peerResults.length > 0) process.stdout.write(`\n  Beside chrony, µs\n${peerResults.map(peerText).join('')}`);
  const figures = [...pathResults.flatMap(pathFigures), ...peerResults.flatMap(peerFigures)];
  const missed = figures.filter(({ ok }) => !ok);
  const goals = figures.filter(({ goal }) => goal !== '').length;
  process.stdout.write(`\n${missed.map(({ name, value, goal }) => `✗ ${name}: ${value}, goal ${goal}\n`).join('')}`);
  process.stdout.write(`${goals - missed.length} of ${goals} figures with a goal reach it. ${loadText()}\n`);
  await chart(options.svg, peerResults);
  if (options.json) process.stdout.write(`${JSON.stringify({ bench: 'clock', figures })}\n`);
  if (missed.length > 0) process.exitCode = 1;
}

interface Results {
  pathResults: PathResult[];
  peerResults: PeerResult[];
}

interface Means {
  extent: Extent;
  folder: string;
  /** Since the start of this process. */
  endMs?: number;
}

async function measureInTurn(
  paths: readonly PathCase[],
  peers: readonly PeerCase[],
  { extent, folder, endMs = Number.POSITIVE_INFINITY }: Means,
): Promise<Results> {
  const results: Results = { pathResults: [], peerResults: [] };
  let longestMs = extent.settleMs + extent.measureMs;
  const inTime = async <T>(title: string, into: T[], measure: () => Promise<T>): Promise<void> => {
    const startMs = performance.now();
    if (startMs + longestMs > endMs) {
      process.stdout.write(`Left out, as there is no time for it with --quick: ${title}\n`);
      return;
    }
    progress(title);
    into.push(await measure());
    longestMs = Math.max(longestMs, performance.now() - startMs);
  };
  for (const the of paths) await inTime(the.title, results.pathResults, () => measurePath(the, extent, folder));
  for (const the of peers) {
    await inTime(`beside chrony, ${the.title}`, results.peerResults, () => measureBesideChrony(the, extent, folder));
  }
  progress('');
  return results;
}

/** Those that are idle together, and then each that keeps the processor busy. */
async function measureAtOnce(
  paths: readonly PathCase[],
  peers: readonly PeerCase[],
  extent: Extent,
  folder: string,
): Promise<Results> {
  progress('all that is idle');
  const [idle, peerResults] = await Promise.all([
    Promise.all(paths.filter(({ isBlocked }) => !isBlocked).map((the) => measurePath(the, extent, folder))),
    Promise.all(peers.map((the) => measureBesideChrony(the, extent, folder))),
  ]);
  const rest = paths.filter(({ isBlocked }) => isBlocked);
  const blocked = await measureInTurn(rest, [], { extent, folder, endMs: QUICK_MS_MAX });
  return { pathResults: [...idle, ...blocked.pathResults], peerResults };
}

/** On one line of a terminal, and only there. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function chart(file: string, results: readonly PeerResult[]): Promise<void> {
  if (results.length === 0) return;
  const panels = results.map(({ the, ours, chrony }): Panel => {
    const startMs = ours[0]?.atMs ?? 0;
    const pointsOf = (errors: PeerResult['ours']) =>
      errors.map(({ atMs, errorMs }) => [(atMs - startMs) / MS_PER_S, errorMs * MS_PER_S] as const);
    const series = [
      { label: 'chrony', colour: '#b4462f', points: pointsOf(chrony) },
      { label: 'Lattice', colour: '#1f3b73', points: pointsOf(ours) },
    ];
    return { title: the.title, unit: 'µs', series };
  });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    file,
    lineCharts('Error of a clock that follows one of our gateways, through a proxy that delays', panels),
  );
  process.stdout.write(`${file}\n`);
}

function loadText(): string {
  return `Load of the machine: ${loadavg()
    .map((load) => load.toFixed(2))
    .join(', ')}.`;
}

function parsed() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        case: { type: 'string', multiple: true },
        seconds: { type: 'string' },
        svg: { type: 'string', default: '.artifacts/bench-clock.svg' },
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
