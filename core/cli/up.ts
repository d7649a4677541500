import { resolve } from 'node:path';
import { EXIT, LatticeError, messageOf } from '../errors/index.ts';
import { lockDirectory, makePrivateDirectory } from '../files/index.ts';
import { type Endpoints, type MeshChoice, readCounts, settleCounts, type WantedCounts } from '../mesh/index.ts';
import { repeat, systemClock } from '../time/index.ts';
import { sumAccounts } from '../wire/index.ts';
import { accountLine } from './account-line.ts';
import { gatewayStatus } from './gateway-api.ts';
import { MeshRun } from './mesh-run.ts';
import { count } from './output.ts';

/** Numbers that are left out are those of the data folder. */
export interface UpOptions extends Pick<MeshChoice, 'devices' | 'demo' | 'portBase'>, WantedCounts {
  data: string;
  json: boolean;
  /** The program's entry, lattice.ts. */
  entry: string;
}

const LIVE_INTERVAL_MS = { terminal: 1_000, file: 10_000 };

/** Runs a mesh until Ctrl-C. Throws DATA_LOCKED, REFUSED_FOR_SAFETY, USAGE, and what MeshRun.start throws. */
export async function up(options: UpOptions): Promise<number> {
  const dataDir = resolve(options.data);
  const unlock = await takeDirectory(dataDir);
  try {
    return await runMesh(options, dataDir);
  } finally {
    await unlock();
  }
}

/** Makes the folder if need be, and takes it for this mesh alone. Throws DATA_LOCKED, DATA_UNUSABLE. */
async function takeDirectory(dataDir: string): Promise<() => Promise<void>> {
  try {
    await makePrivateDirectory(dataDir);
    return await lockDirectory(dataDir);
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    throw new LatticeError('DATA_UNUSABLE', `${messageOf(cause)}.`, { cause });
  }
}

async function runMesh(options: UpOptions, dataDir: string): Promise<number> {
  const say = options.json ? () => {} : (line: string) => process.stdout.write(`${line}\n`);
  const tell = (line: string): unknown => process.stderr.write(`${clearLine}${line}\n`);
  const counts = settleCounts(dataDir, readCounts(dataDir), options);
  const ended = untilToldToEnd();
  const run = new MeshRun({
    ...options,
    ...counts,
    dataDir,
    onRestarting: (name, reason) => tell(`${name} ${reason}; starting it again.`),
    onWarning: tell,
  });
  try {
    say(`Starting ${counts.brokers} brokers, ${counts.gateways} gateways, the store and the console …`);
    const endpoints = await Promise.race([run.start(), ended.then(() => undefined)]);
    if (endpoints !== undefined) {
      process.stdout.write(options.json ? `${JSON.stringify(endpoints)}\n` : `${welcome(endpoints)}\n`);
      const live = options.json ? undefined : liveLine(endpoints);
      await ended;
      live?.cancel();
    }
    say('\nStopping …');
  } finally {
    await run.stop();
  }
  say(`Stopped. The data is in ${dataDir}; the next start goes on from it.`);
  return EXIT.ok;
}

const clearLine = process.stdout.isTTY ? '\r\x1b[K' : '';

function welcome({ brokers, store, console, username, password, site, dataDir }: Endpoints): string {
  const first = brokers[0];
  return `
  Lattice runs.

  Console      ${console}
  MQTT         ${brokers.map(({ host, port }) => `mqtt://${host}:${port}`).join('   ')}
  WebSocket    ${brokers.map(({ host, wsPort }) => `ws://${host}:${wsPort}`).join('   ')}
  Store        ${store.url}   (InfluxDB 1.x API, database ${store.db})
  User name    ${username}
  Password     ${password}
  Data         ${dataDir}

  Subscribe:   npx lattice sub
               mosquitto_sub -h ${first?.host} -p ${first?.port} -u ${username} -P ${password} -t 'mesh/v1/${site}/+/state'
  Check:       npx lattice status     npx lattice doctor
  Stop:        Ctrl-C
`;
}

/** The live counts: one line that is written over on a terminal, a line every 10 s elsewhere. */
function liveLine(endpoints: Endpoints): { cancel(): void } {
  const isTerminal = process.stdout.isTTY;
  const show = async (): Promise<void> => {
    const answers = await Promise.allSettled(endpoints.gateways.map((gateway) => gatewayStatus(endpoints, gateway)));
    const statuses = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
    const devices = statuses.reduce((total, status) => total + status.devices, 0);
    const p99Ms = Math.max(0, ...statuses.map(({ latencyMs }) => latencyMs.p99));
    const silent = endpoints.gateways.length - statuses.length;
    const line = `${count(devices)} devices · ${accountLine(sumAccounts(statuses.map(({ account }) => account)))} · p99 ${count(p99Ms)} ms${silent > 0 ? ` · ${silent} gateways do not answer` : ''}`;
    process.stdout.write(
      isTerminal ? `${clearLine}  ${line.slice(0, (process.stdout.columns ?? 120) - 3)}` : `${line}\n`,
    );
  };
  void show();
  return repeat(systemClock, isTerminal ? LIVE_INTERVAL_MS.terminal : LIVE_INTERVAL_MS.file, show);
}

/** Resolves on Ctrl-C, SIGTERM or SIGHUP. A second Ctrl-C ends the process at once, and the children with it. */
function untilToldToEnd(): Promise<void> {
  return new Promise((resolveEnd) => {
    let times = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (++times > 1) process.exit(EXIT.failed);
        resolveEnd();
      });
    }
  });
}
