import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { queryStore } from '../../core/cli/store-query.ts';
import type { ReadingAccount } from '../../core/wire/index.ts';
import { eventually } from '../support/eventually.ts';
import { isRunning, lattice, TestMesh } from '../support/mesh.ts';

/*
 * Every process is killed once while readings flow. A fleet of its own counts what was acknowledged to it; the store must
 * then have exactly that many of its readings, none less and none twice.
 */
let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start('--devices', '5');
}, 60_000);

afterAll(() => mesh?.destroy());

describe('SIGKILL while readings flow', () => {
  it.each(['broker-1', 'broker-2', 'gateway-1', 'gateway-2', 'gateway-3', 'store', 'sim', 'shim'])(
    'of %s: it is started again, and every reading that was acknowledged is in the store, once',
    async (name) => {
      const prefix = `near-${name}`;
      const fleet = runFleet(prefix);
      await eventually(async () => expect(await countOf(prefix)).toBeGreaterThan(100), 20_000);
      const pid = await pidOf(name);
      process.kill(pid, 'SIGKILL');
      await eventually(async () => expect([0, pid]).not.toContain(await pidOf(name)), 15_000);
      const { sent, acknowledged, dropped } = await fleet;
      expect(dropped).toBe(0);
      expect(acknowledged).toBe(sent);
      await eventually(async () => expect(await countOf(prefix)).toBe(sent), 30_000);
      await eventually(async () => {
        const { account } = await status();
        expect(account).toMatchObject({ missing: 0, lost: 0, rejected: 0, dropped: 0 });
        expect(account.sent).toBe(account.stored + account.buffered);
      }, 30_000);
    },
    90_000,
  );
});

describe('a store that is away', () => {
  it('costs time and no readings', async () => {
    const { pid } = mesh.endpoints.store;
    const storePid = (await pidOf('store')) || pid;
    process.kill(storePid, 'SIGSTOP');
    try {
      await eventually(async () => expect((await status()).account.buffered).toBeGreaterThan(100), 30_000);
      const { code, stdout } = await lattice('doctor', '--json', '--timeout-s', '2', '--data', mesh.dataDir);
      expect(JSON.parse(stdout).paths.map(({ hop }: { hop: string }) => hop)).toEqual(Array(6).fill('store'));
      expect(code).toBe(1);
    } finally {
      process.kill(storePid, 'SIGCONT');
    }
    await eventually(async () => {
      const { account } = await status();
      expect(account.missing).toBe(0);
      expect(account.buffered).toBeLessThan(100);
    }, 40_000);
  }, 120_000);
});

describe('the doctor', () => {
  it('names the hop of a gateway that hangs', async () => {
    const pid = await pidOf('gateway-2');
    process.kill(pid, 'SIGSTOP');
    try {
      const { stdout } = await lattice('doctor', '--json', '--timeout-s', '3', '--data', mesh.dataDir);
      for (const { gateway, ok, hop } of JSON.parse(stdout).paths) {
        expect([gateway, ok, hop]).toEqual(
          gateway === 'gateway-2' ? [gateway, false, 'gateway'] : [gateway, true, undefined],
        );
      }
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }, 60_000);
});

describe('Ctrl-C', () => {
  it('stops everything within 5 s, leaves no process, and the next start goes on from the data', async () => {
    const before = await status();
    const pids = [
      mesh.pid,
      ...(await Promise.all(['broker-1', 'gateway-1', 'store', 'sim', 'shim', 'console'].map(pidOf))),
    ];
    const started = performance.now();
    expect(await mesh.interrupt()).toBe(0);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(pids.filter(isRunning)).toEqual([]);
    const { password } = mesh.endpoints;
    await mesh.up('--devices', '5');
    expect(mesh.endpoints.password).toBe(password);
    const after = await status();
    expect(after.account.stored).toBeGreaterThanOrEqual(before.account.stored);
    expect(after.storeCount).toBeGreaterThanOrEqual(before.storeCount);
  }, 60_000);

  it('is not needed when the parent is killed: no child outlives it', async () => {
    const pids = await Promise.all(['broker-1', 'gateway-1', 'store', 'sim', 'shim', 'console'].map(pidOf));
    process.kill(mesh.pid, 'SIGKILL');
    await eventually(() => expect(pids.filter(isRunning)).toEqual([]), 8_000);
  }, 20_000);
});

interface Status {
  account: ReadingAccount;
  storeCount: number;
}

/** Forty devices with five readings a second each, for ten seconds. */
async function runFleet(prefix: string): Promise<{ sent: number; acknowledged: number; dropped: number }> {
  const scenario = join(mesh.dataDir, `${prefix}.yaml`);
  const fleet = { kind: 'simulated', prefix, count: 40, intervalMs: 200 };
  writeFileSync(scenario, stringify({ brokers: ['mqtt://127.0.0.1:1'], fleets: [fleet] }));
  const { stdout, stderr } = await lattice('sim', scenario, '--data', mesh.dataDir, '--duration-s', '10', '--json');
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Readings of the fleet with that prefix that the store has. */
async function countOf(prefix: string): Promise<number> {
  const [series] = await queryStore(
    mesh.endpoints,
    `SELECT count("seq") FROM "reading" WHERE "device" =~ /^${prefix}-/`,
  );
  return Number(series?.values[0]?.[1] ?? 0);
}

async function status(): Promise<Status> {
  const { stdout, stderr } = await lattice('status', '--json', '--data', mesh.dataDir);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** The process of that name, by its command line below this mesh's parent. */
async function pidOf(name: string): Promise<number> {
  const marks = name === 'sim' ? ['\0sim\0', mesh.dataDir] : [`${mesh.dataDir}/config/${name}.yaml`];
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (marks.every((mark) => commandLine.includes(mark))) return Number(pid);
    } catch {
      // It ended while we looked.
    }
  }
  return 0;
}
