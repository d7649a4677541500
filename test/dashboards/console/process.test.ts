import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { basicAuthHeader, derivedPassword } from '../../../core/identity/index.ts';
import type { ChildMessage } from '../../../core/process/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import type { History } from '../../../dashboards/console/model/types.ts';
import {
  createStore,
  type StoreService,
  startStore,
  storeConfigSchema,
  storeTargetSchema,
} from '../../../gateway/store/index.ts';
import { ACCESS_TOKEN, fleetOf, historyOf } from '../support/fleet.ts';
import { SITE, SITE_KEY } from '../support/mesh.ts';

const RUNNER = `import { runConsole } from ${JSON.stringify(new URL('../../../dashboards/console/index.ts', import.meta.url).href)};
try { process.exitCode = await runConsole(process.argv[2]); } catch { process.exitCode = 1; }
`;

describe('the process of the console', () => {
  let dir: string;
  let store: StoreService;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'lattice-console-'));
    writeFileSync(join(dir, 'run.mjs'), RUNNER);
    const config = storeConfigSchema.parse({ site: SITE, dataDir: dir, listen: { port: 0 }, siteKey: SITE_KEY });
    store = await startStore(config, { clock: systemClock, log: pino({ level: 'silent' }) });
  });

  afterAll(async () => {
    await store?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  function start(config: object): { child: ChildProcess; stderr: () => string } {
    const file = join(dir, 'console.yaml');
    writeFileSync(file, stringify(config));
    const child = fork(join(dir, 'run.mjs'), [file], { silent: true });
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += String(chunk);
    });
    child.stdout?.resume();
    return { child, stderr: () => stderr };
  }

  const good = (): object => ({
    site: SITE,
    listen: { port: 0 },
    siteKey: SITE_KEY,
    accessToken: ACCESS_TOKEN,
    brokers: [{ id: 'b1', host: '127.0.0.1', port: 9 }],
    store: { url: store.detail.url, database: 'lattice' },
  });

  it('says where it listens, reads the embedded store with its own account, and ends when told', async () => {
    const nowMs = Date.now();
    const [device] = fleetOf(1);
    if (device === undefined) throw new Error('no device');
    const credentials = { username: 'g1', password: derivedPassword(SITE_KEY, 'gateway', 'g1') };
    const writer = createStore(storeTargetSchema.parse({ url: store.detail.url, ...credentials }), {
      clock: systemClock,
    });
    await writer.write(historyOf(device, nowMs - 600_000, nowMs, 1_000));

    const { child, stderr } = start(good());
    const [message] = (await once(child, 'message')) as [ChildMessage];
    expect(message.type).toBe('ready');
    const { url } = (message as Extract<ChildMessage, { type: 'ready' }>).detail;
    const authorization = basicAuthHeader('console', derivedPassword(SITE_KEY, 'console', 'console'));
    const path = `/api/history?device=${device.id}&metric=temperature&sinceMs=300000&points=60`;
    const response = await fetch(`${url}${path}`, { headers: { authorization } });
    const history = (await response.json()) as History;
    expect(history.bucketMs).toBe(5_000);
    expect(history.points.length).toBeGreaterThanOrEqual(30);
    const times = history.points.map(([time]) => time);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    for (const [time, value] of history.points) {
      expect(value).toBeCloseTo(Number(device.metricsAt(time + 2_000)['temperature']), 0);
    }
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(stderr()).toBe('');
  });

  it('names every fault of its configuration at once', async () => {
    const { child } = start({ ...good(), accessToken: 'short', brokers: [], stroe: 1 });
    // The exit may be told before the last message is read.
    const exited = once(child, 'exit');
    const [message] = (await once(child, 'message')) as [ChildMessage];
    expect(message.type).toBe('failed');
    const { code, detail } = message as Extract<ChildMessage, { type: 'failed' }>;
    expect(code).toBe('CONFIG_INVALID');
    for (const path of ['accessToken', 'brokers', 'stroe']) expect(detail).toContain(path);
    expect((await exited)[0]).toBe(1);
  });
});
