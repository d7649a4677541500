import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { hashPassword } from '../../../core/identity/index.ts';
import { saveEndpoints } from '../../../core/mesh/index.ts';
import type { Service } from '../../../core/process/index.ts';
import { systemRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { fleetGet, fleetSet, fleetStatus } from '../../../gateway/cli/fleet.ts';
import { gatewayConfigSchema } from '../../../gateway/config.ts';
import { startGateway } from '../../../gateway/gateway.ts';
import { eventually } from '../../support/eventually.ts';

const HOST = '127.0.0.1';
let folder: string;
let running: Service[] = [];
let printed: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-fleet-'));
  printed = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    printed.push(String(chunk));
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(running.splice(0).map((service) => service.stop()));
  await rm(folder, { recursive: true, force: true });
});

/** Free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a roll-out over two sites of real gateways, from the command line', { timeout: 60_000 }, async () => {
  const ports = { north: await freePort(), south: await freePort() };
  const dead = await freePort();
  const accounts = [{ username: 'operator', passwordHash: await hashPassword('right'), role: 'operator' }];
  const start = (site: 'north' | 'south', other: 'north' | 'south'): Promise<Service> => {
    const config = gatewayConfigSchema.parse({
      ...{ id: 'gateway-1', site, members: ['gateway-1'], dataDir: join(folder, site), accounts },
      siteKey: `the key of the site ${site}`,
      http: { port: 0 },
      broker: { url: `mqtt://${HOST}:${dead}` },
      store: { url: `http://${HOST}:${dead}`, database: 'none' },
      log: { level: 'silent' },
      agreement: {
        driver: 'raft',
        listen: { port: ports[site] },
        members: [{ name: 'gateway-1', address: `${HOST}:${ports[site]}` }],
        sites: [
          {
            site: other,
            linkKey: 'what north and south share',
            gateways: [{ name: 'gateway-1', address: `${HOST}:${ports[other]}` }],
          },
        ],
      },
    });
    return startGateway(config, { clock: systemClock, random: systemRandom(), log: pino({ level: 'silent' }) });
  };
  running = await Promise.all([start('north', 'south'), start('south', 'north')]);
  const http = (running[0] as Service).detail['http'] as string;
  await saveEndpoints(folder, {
    ...{ ready: true, brokers: [], store: { url: '', db: '', pid: 0 }, console: '', dataDir: folder },
    ...{ username: 'operator', password: 'right', site: 'north' },
    gateways: [
      { id: 'dead', http: `http://${HOST}:${dead}`, pid: 0 },
      { id: 'gateway-1', http, pid: 0 },
    ],
  });
  const options = { data: folder, json: false, site: ['north', 'south'] };
  await eventually(async () => expect(await fleetStatus({ ...options, json: true })).toBe(0));
  printed = [];

  expect(await fleetSet(options, ['pump/mode', 'eco', 'pump/level', '3', 'lamp/on', 'true'])).toBe(0);
  expect(printed.join('')).toContain('south/lamp is to have version 1.');
  printed = [];
  expect(await fleetGet({ ...options, json: true }, 'pump')).toBe(0);
  expect(printed.map((line) => JSON.parse(line))).toEqual(
    ['north', 'south'].map((site) => ({
      ...{ site, device: 'pump' },
      desired: { version: 1, settings: { mode: 'eco', level: 3 } },
    })),
  );
  expect(await fleetGet({ data: folder, json: false }, 'fridge')).toBe(1);
  await expect(fleetSet(options, ['pump/mode'])).rejects.toMatchObject({ code: 'USAGE' });
  await expect(fleetSet(options, ['pump', 'eco'])).rejects.toMatchObject({ code: 'USAGE' });
  await expect(fleetSet({ ...options, site: ['east'] }, ['pump/mode', 'eco'])).rejects.toMatchObject({
    code: 'COORDINATION_REJECTED',
  });

  await running.pop()?.stop();
  expect(await fleetStatus(options)).toBe(1);
  expect(printed.join('')).toMatch(/south\s+AWAY/);
  await expect(fleetSet(options, ['pump/mode', 'full'])).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' });
});
