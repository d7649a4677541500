import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Endpoints } from '../../core/mesh/index.ts';
import { delay, systemClock } from '../../core/time/index.ts';
import { lattice, TestMesh } from '../support/mesh.ts';

/*
 * A whole mesh and 1,000 devices with a reading per second each, on this machine: are all stored, how soon, and with how
 * much memory. `npm run bench:mesh` takes a minute and a half, with --quick 45 s; --json ends in one line of figures.
 */
const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const DEVICES = 1_000;
const DURATION_S = options.quick ? 15 : 60;
const SAMPLE_MS = 1_000;
const BYTES_PER_MB = 1024 * 1024;

interface Figure {
  name: string;
  value: number;
  unit: string;
  goal: string;
  ok: boolean;
  peer: null;
}

const mesh = await TestMesh.start('--no-demo');
try {
  const processes = pidsOf(mesh.endpoints);
  const samples = new Map<string, number[]>(processes.map(({ name }) => [name, []]));
  let isSending = true;
  const sampling = (async () => {
    while (isSending) {
      await delay(systemClock, SAMPLE_MS);
      for (const { name, pid } of processes) samples.get(name)?.push(residentMb(pid));
      if (process.stderr.isTTY) process.stderr.write(`\r${samples.values().next().value?.length} of ${DURATION_S} s`);
    }
  })();
  const args = ['--devices', String(DEVICES), '--interval-ms', '1000', '--duration-s', String(DURATION_S)];
  const { stdout } = await lattice('sim', '--data', mesh.dataDir, '--json', ...args);
  isSending = false;
  await sampling;
  const sim = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');
  const status = await settledStatus(sim.acknowledged);
  report(sim, status, samples);
} finally {
  await mesh.destroy();
}

function report(
  sim: { sent: number; acknowledged: number; latencyMs: { p99: number } },
  status: { storeCount: number; gateways: { latencyMs: { p99: number } }[] },
  samples: Map<string, number[]>,
): void {
  const storedP99Ms = Math.max(...status.gateways.map(({ latencyMs }) => latencyMs.p99));
  const figures: Figure[] = [
    figure('sent', sim.sent, 'readings', `>= ${DEVICES * (DURATION_S - 12)}`, sim.sent >= DEVICES * (DURATION_S - 12)),
    figure('lost', sim.acknowledged - status.storeCount, 'readings', '= 0', sim.acknowledged === status.storeCount),
    figure('publish to PUBACK p99', sim.latencyMs.p99, 'ms', '', true),
    figure('publish to stored p99', storedP99Ms, 'ms', '< 2000', storedP99Ms < 2_000),
  ];
  for (const [name, series] of samples) {
    const max = Math.max(...series);
    figures.push(figure(`resident memory of ${name}, max`, max, 'MB', '< 250', max < 250));
    figures.push(figure(`resident memory of ${name}, growth in the last half`, growthOf(series), 'MB', '', true));
  }
  for (const { name, value, unit, goal, ok } of figures) {
    process.stdout.write(`${ok ? ' ' : '✗'} ${name.padEnd(60)} ${value.toFixed(0).padStart(8)} ${unit}  ${goal}\n`);
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ bench: 'mesh', figures })}\n`);
  if (figures.some(({ ok }) => !ok)) process.exitCode = 1;
}

function figure(name: string, value: number, unit: string, goal: string, ok: boolean): Figure {
  return { name, value, unit, goal, ok, peer: null };
}

/** Median of the last quarter less that of the quarter before it. */
function growthOf(series: readonly number[]): number {
  const quarter = Math.floor(series.length / 4);
  const median = (part: readonly number[]): number => [...part].sort((a, b) => a - b)[part.length >> 1] ?? 0;
  return median(series.slice(-quarter)) - median(series.slice(-2 * quarter, -quarter));
}

function pidsOf({ brokers, gateways, store }: Endpoints): { name: string; pid: number }[] {
  return [...brokers, ...gateways, { id: 'store', ...store }].map(({ id, pid }) => ({ name: id, pid }));
}

function residentMb(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
  return (pages * 4096) / BYTES_PER_MB;
}

async function settledStatus(
  acknowledged: number,
): Promise<{ storeCount: number; gateways: { latencyMs: { p99: number } }[] }> {
  for (let tries = 0; ; tries++) {
    const { stdout } = await lattice('status', '--json', '--data', mesh.dataDir);
    const status = JSON.parse(stdout);
    if (status.storeCount >= acknowledged || tries >= 10) return status;
    await delay(systemClock, 500);
  }
}
