import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../core/errors/index.ts';
import { seededRandom } from '../../core/random/index.ts';
import { isInstalled } from '../support/peers.ts';
import { ETCD_DEFAULT, ETCD_FAST, etcdVersion, LATTICE } from './failover/contenders.ts';
import type { Contender } from './failover/places.ts';
import { figuresOf, type Results, reportText } from './failover/report.ts';
import { type Extent, measureRound, type Round } from './failover/round.ts';

/*
 * Three gateways that agree against three of etcd: how long nothing can be written after the leader's end, and how fast it is
 * while nothing happens. See --help.
 */
const EXIT_USAGE = 2;
/** As a shell tells of a program that was interrupted. */
const EXIT_INTERRUPTED = 130;
const WHOLE = { rounds: 5, kills: 100, freezes: 20, warmUpMs: 500, measureMs: 3_000 };
const QUICK = { rounds: 1, kills: 100, freezes: 20, warmUpMs: 200, measureMs: 500 };
const QUICK_ROUND_MS_MAX = 13_500;

const HELP = `npm run bench:failover [-- OPTIONS]

Three members on this machine, each a process with its disk, which syncs: from SIGKILL of the leader (and from SIGSTOP, after which
nothing but its silence tells) to the first write that is acknowledged, by a client that tries each survivor every 5 ms. The same
of Debian's etcd, with its default timers and with ours, in turn; one client in the same words (etcd's JSON gateway) drives both.
Ends with code 1 when a goal is missed, with 2 when it cannot run. A whole run takes some twenty minutes.

  --quick       ends in 45 s: one short round, with as many kills as there is time for
  --kills N     kills of each contender, over all rounds (default: ${WHOLE.kills})
  --freezes N   the same of freezes (default: ${WHOLE.freezes})
  --rounds N    rounds, each with fresh folders; ratios are given from the least to the most of them (default: ${WHOLE.rounds})
  --data DIR    where the members keep their data; it decides how long a sync takes (default: ${tmpdir()})
  --json        ends in one line of figures
  --help        this text

Examples:
  $ npm run bench:failover -- --quick
  $ npm run bench:failover -- --kills 10 --freezes 5 --rounds 2
  $ npm run bench:failover -- --json --data /mnt/ssd | tail -1`;

const { values: options } = parsed();
if (options.help) {
  process.stdout.write(`${HELP}\n`);
} else {
  const isCount = (text: string | undefined): boolean => text === undefined || /^[1-9]\d*$/.test(text);
  const wrong = (['kills', 'freezes', 'rounds'] as const).find((name) => !isCount(options[name]));
  if (wrong !== undefined) refuse(`--${wrong} takes a whole number, 1 or more.`);
  else if (!isInstalled('etcd')) refuse('etcd is missing: apt-get install etcd-server');
  else await compareAndClearUp();
}

/** Whatever ends the run, nothing of it is left behind. */
async function compareAndClearUp(): Promise<void> {
  try {
    const folder = await mkdtemp(join(options.data, 'lattice-bench-failover-'));
    // A member that was just killed may still be in a system call that makes a file.
    process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    // Not once: a signal often comes twice, from the terminal and from npm, and the second would end the clearing up.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(EXIT_INTERRUPTED));
    await compare(folder);
  } catch (error) {
    refuse(`The comparison could not be finished: ${messageOf(error)}`);
    // What was started for it ends with this process.
    process.exit();
  }
}

async function compare(folder: string): Promise<void> {
  const usual = options.quick ? QUICK : WHOLE;
  const rounds = Number(options.rounds ?? usual.rounds);
  const extent: Extent = {
    ...usual,
    kills: Math.ceil(Number(options.kills ?? usual.kills) / rounds),
    freezes: Math.ceil(Number(options.freezes ?? usual.freezes) / rounds),
    roundMsMax: options.quick ? QUICK_ROUND_MS_MAX : Number.POSITIVE_INFINITY,
  };
  process.stdout.write(`Three members of Lattice, or of etcd ${etcdVersion()}; data in ${options.data}, fsync on.\n`);
  const results = await measure(folder, rounds, extent);
  process.stdout.write(reportText(results));
  const figures = figuresOf(results);
  const missed = figures.filter(({ ok }) => !ok);
  const goals = figures.filter(({ goal }) => goal !== '').length;
  process.stdout.write(`\n${goals - missed.length} of ${goals} figures with a goal reach it.\n`);
  if (options.json) process.stdout.write(`${JSON.stringify({ bench: 'failover', figures })}\n`);
  if (missed.length > 0) process.exitCode = 1;
}

/** The contenders take turns, so that a machine that slows down slows all. */
async function measure(parent: string, rounds: number, extent: Extent): Promise<Results> {
  const random = seededRandom('failover');
  const results = { ours: [] as Round[], etcdFast: [] as Round[], etcdDefault: [] as Round[] };
  const once = async (contender: Contender, into: Round[]): Promise<void> => {
    const text = `round ${into.length + 1} of ${rounds}: ${contender.label}`;
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
    into.push(await measureRound(contender, { parent, extent, random }));
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  };
  for (let round = 0; round < rounds; round++) {
    await once(LATTICE, results.ours);
    await once(ETCD_FAST, results.etcdFast);
    await once(ETCD_DEFAULT, results.etcdDefault);
  }
  return results;
}

function parsed() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        kills: { type: 'string' },
        freezes: { type: 'string' },
        rounds: { type: 'string' },
        data: { type: 'string', default: tmpdir() },
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
