import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectAsync } from 'mqtt';
import { stringify } from 'yaml';
import { hashPassword } from '../../../core/identity/index.ts';
import { BROKER_SEMI_SPACE_MIB, Supervised } from '../../../core/process/index.ts';
import { eventually } from '../../support/eventually.ts';
import { endWithParent } from '../processes.ts';
import { BROKER_CORE, pin } from './pin.ts';
import { ACCOUNT, type Route, type Running, runningOf, type Side, type Started } from './side.ts';

const ENTRY = fileURLToPath(new URL('../../../lattice.ts', import.meta.url));
/** It is not waited for: what it would still write is removed with its folder. */
const STOP_TIMEOUT_MS = 0;
const SITE_KEY = randomBytes(16).toString('hex');

interface Linkable extends Started {
  linkPort: number;
}

/** Our broker as `lattice up` runs it, with its defaults: durable before PUBACK. */
export const latticeSide: Side = {
  name: 'Lattice',
  single: async (folder) => {
    const broker = await start(folder, 'a', {});
    return runningOf(broker, broker);
  },
  link: async (folder, route) => {
    // Port 1, where nobody answers: the first broker is the one that dials, so that all bytes take the route.
    const peers = [{ id: 'a', host: '127.0.0.1', port: 1 }];
    const second = await start(folder, 'b', { listen: { port: 0 }, peers });
    const port = await route(second.linkPort);
    const first = await start(folder, 'a', { peers: [{ id: 'b', host: '127.0.0.1', port }] });
    return runningOf(first, second);
  },
};

/** One broker with a link to another that wants nothing, for what the link costs. Publishers and subscribers at the first. */
export async function latticeWithIdlePeer(folder: string): Promise<Running> {
  const direct: Route = async (port) => port;
  const { publishPort, subscribePort, pids, stop } = await latticeSide.link(folder, direct);
  await untilLinked(publishPort, subscribePort);
  return { publishPort, subscribePort: publishPort, pids: pids.slice(0, 1), stop };
}

/** Resolves when a message has crossed from the one broker to the other; whoever wanted it has left by then. */
async function untilLinked(fromPort: number, toPort: number): Promise<void> {
  const topic = 'mesh/v1/bench/probe/state';
  const from = await connectAsync(`mqtt://127.0.0.1:${fromPort}`, { ...ACCOUNT });
  const to = await connectAsync(`mqtt://127.0.0.1:${toPort}`, { ...ACCOUNT });
  let hasArrived = false;
  to.on('message', () => {
    hasArrived = true;
  });
  try {
    await to.subscribeAsync(topic);
    await eventually(async () => {
      await from.publishAsync(topic, '');
      if (!hasArrived) throw new Error('No message crosses the link.');
    });
  } finally {
    await Promise.all([from.endAsync(), to.endAsync()]);
  }
}

let passwordHash: Promise<string> | undefined;

async function start(folder: string, id: string, links: Record<string, unknown>): Promise<Linkable> {
  passwordHash ??= hashPassword(ACCOUNT.password);
  const accounts = [{ username: ACCOUNT.username, passwordHash: await passwordHash, role: 'operator' }];
  const dataDir = join(folder, id);
  await mkdir(dataDir, { recursive: true });
  const config = { id, site: 'bench', dataDir, listen: { port: 0 }, siteKey: SITE_KEY, accounts, links };
  const file = join(folder, `${id}.yaml`);
  await writeFile(file, stringify(config), { mode: 0o600 });
  const supervised = new Supervised({
    name: `broker ${id}`,
    args: ['broker', '--config', file],
    entry: ENTRY,
    logPath: join(folder, `${id}.log`),
    semiSpaceMib: BROKER_SEMI_SPACE_MIB,
    env: { LATTICE_LOG_LEVEL: 'warn' },
  });
  const ready = supervised.start();
  const pid = supervised.pid as number;
  const forget = endWithParent(pid);
  const detail = await ready;
  pin(pid, BROKER_CORE);
  return {
    port: detail['port'] as number,
    linkPort: detail['linkPort'] as number,
    pid,
    stop: async () => {
      await supervised.stop(STOP_TIMEOUT_MS);
      forget();
    },
  };
}
