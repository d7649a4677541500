import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Point } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/free-port.ts';

export interface Influxd {
  url: string;
  database: string;
  write(points: readonly Point[]): Promise<void>;
  stop(): Promise<void>;
}

/** Debian's influxd in a folder and on ports of its own, with one empty database. */
export async function startInfluxd(database = 'lattice'): Promise<Influxd> {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-influxd-'));
  const [httpPort, rpcPort] = await freePorts(2);
  const config = join(dir, 'influxdb.conf');
  writeFileSync(
    config,
    `reporting-disabled = true
bind-address = "127.0.0.1:${rpcPort}"
[meta]
  dir = "${dir}/meta"
[data]
  dir = "${dir}/data"
  wal-dir = "${dir}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${httpPort}"
  log-enabled = false
`,
  );
  const child = spawn('influxd', ['-config', config], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${httpPort}`;
  const post = async (path: string, body: string): Promise<void> => {
    const response = await fetch(`${url}${path}`, { method: 'POST', body });
    if (!response.ok) throw new Error(`influxd said ${response.status}: ${await response.text()}`);
  };
  const createDatabase = (): Promise<void> =>
    post(`/query?${new URLSearchParams({ q: `CREATE DATABASE "${database}"` })}`, '');
  await eventually(createDatabase, 15_000, 100);
  return {
    url,
    database,
    write: (points) => post(`/write?db=${database}`, points.map(lineOf).join('\n')),
    async stop() {
      child.kill('SIGKILL');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Line protocol, for names that need no escape. */
export function lineOf(point: Point): string {
  const tags = Object.entries(point.tags).map(([key, value]) => `,${key}=${value}`);
  const fields = Object.entries(point.fields).map(([key, value]) => {
    if (typeof value === 'bigint') return `${key}=${value}i`;
    return `${key}=${typeof value === 'string' ? JSON.stringify(value) : value}`;
  });
  return `${point.measurement}${tags.join('')} ${fields.join(',')} ${point.timeNs}`;
}
