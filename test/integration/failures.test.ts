import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { isRunning, lattice, TestMesh } from '../support/mesh.ts';

/*
 * Every process is killed once while readings flow. What counts is the account afterwards: every number that a device
 * gave a reading is in the store, once.
 */
let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start('--devices', '40');
}, 60_000);

afterAll(() => mesh?.destroy());

describe('SIGKILL while readings flow', () => {
  it.each(['broker-1', 'broker-2', 'gateway-1', 'gateway-2', 'gateway-3', 'store', 'sim', 'shim'])(
    'of %s: it is started again, and the account closes with no reading lost or twice in the store',
    async (name) => {
      const before = await status();
      const pid = await pidOf(name);
      process.kill(pid, 'SIGKILL');
      await eventually(async () => expect(await pidOf(name)).not.toBe(pid), 15_000);
      const settled = await eventually(async () => {
        const now = await status();
        expect(now.account.stored).toBeGreaterThan(before.account.stored + 80);
        expect(now.account.missing).toBe(0);
        expect(now.account.sent).toBe(now.account.stored + now.account.buffered + now.account.dropped);
        return now;
      }, 40_000);
      expect(settled.account.dropped).toBe(0);
      // The store counts each number once: it has at least what the gateways called stored before it was asked, and no
      // more than was ever sent.
      const after = await status();
      expect(after.storeCount).toBeGreaterThanOrEqual(settled.account.stored);
      expect(settled.storeCount).toBeLessThanOrEqual(after.account.sent);
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
  account: { sent: number; stored: number; buffered: number; dropped: number; missing: number };
  storeCount: number;
}

async function status(): Promise<Status> {
  const { stdout, stderr } = await lattice('status', '--json', '--data', mesh.dataDir);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** The process of that name, by its command line below this mesh's parent. */
async function pidOf(name: string): Promise<number> {
  const { readdirSync, readFileSync } = await import('node:fs');
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
