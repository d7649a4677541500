import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { hashPassword } from '../../../core/identity/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { type StoreService, startStore, storeConfigSchema } from '../../../gateway/store/index.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';

export const USERNAME = 'operator';
export const PASSWORD = 'correct horse';
export const SITE_KEY = 'a site key of the tests';

/** A store that tests talk to over HTTP. */
export interface TestServer {
  url: string;
  stop(): Promise<void>;
}

export function tempFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'lattice-store-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

let passwordHash: Promise<string> | undefined;

/** The configuration of an embedded store; the port is free unless one is given. */
export async function storeConfig(dataDir: string, overrides: Record<string, unknown> = {}) {
  passwordHash ??= hashPassword(PASSWORD);
  const accounts = [{ username: USERNAME, passwordHash: await passwordHash, role: 'operator' }];
  return storeConfigSchema.parse({
    site: 'test',
    dataDir,
    listen: { port: 0 },
    siteKey: SITE_KEY,
    accounts,
    ...overrides,
  });
}

/** An embedded store inside the test's own process. */
export async function startEmbedded(
  overrides: Record<string, unknown> = {},
): Promise<TestServer & { service: StoreService }> {
  const folder = tempFolder();
  const config = await storeConfig(folder.path, overrides);
  const service = await startStore(config, { clock: systemClock, log: pino({ level: 'silent' }) });
  return {
    service,
    url: service.detail.url,
    async stop() {
      await service.stop();
      folder.remove();
    },
  };
}

/** Debian's influxd with an administrator, its files in a folder of its own. */
export async function startInfluxd(): Promise<TestServer> {
  const folder = tempFolder();
  const [httpPort, rpcPort] = [await freePort(), await freePort()];
  const configFile = join(folder.path, 'influxdb.toml');
  writeFileSync(configFile, influxdConfig(folder.path, httpPort, rpcPort));
  const child = spawn('influxd', ['-config', configFile], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${httpPort}`;
  try {
    await eventually(async () => {
      const { status } = await fetch(`${url}/ping`);
      if (status !== 204) throw new Error(`influxd answered ${status}`);
    });
    const q = `CREATE USER ${USERNAME} WITH PASSWORD '${PASSWORD}' WITH ALL PRIVILEGES`;
    await fetch(`${url}/query`, { method: 'POST', body: new URLSearchParams({ q }) });
  } catch (error) {
    await endProcess(child);
    throw error;
  }
  return {
    url,
    async stop() {
      await endProcess(child);
      folder.remove();
    },
  };
}

export async function endProcess(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

function influxdConfig(folder: string, httpPort: number, rpcPort: number): string {
  return `reporting-disabled = true
bind-address = "127.0.0.1:${rpcPort}"
[meta]
dir = "${folder}/meta"
[data]
dir = "${folder}/data"
wal-dir = "${folder}/wal"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:${httpPort}"
auth-enabled = true
log-enabled = false
[monitor]
store-enabled = false
[logging]
level = "error"
`;
}

/** One request to /query, as any client would make it. */
export async function ask(url: string, parameters: Record<string, string>, method: 'GET' | 'POST' = 'POST') {
  const form = new URLSearchParams(parameters).toString();
  const response = await fetch(method === 'GET' ? `${url}/query?${form}` : `${url}/query`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64')}`,
      ...(method === 'GET' ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(method === 'GET' ? {} : { body: form }),
  });
  return { status: response.status, text: await response.text() };
}

export async function sendLines(
  url: string,
  db: string,
  lines: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  parameters: Record<string, string> = {},
) {
  const response = await fetch(`${url}/write?${new URLSearchParams({ db, ...parameters })}`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64')}`, ...headers },
    body: lines,
  });
  return { status: response.status, text: await response.text() };
}
