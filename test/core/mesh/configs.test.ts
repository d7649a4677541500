import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { brokerConfigSchema } from '../../../broker/index.ts';
import { loadConfig } from '../../../core/config/index.ts';
import {
  loadSecrets,
  type MeshLayout,
  type MeshSecrets,
  meshConfigs,
  type ProcessKind,
  planMesh,
  shimConfig,
  writeConfig,
} from '../../../core/mesh/index.ts';
import { timeServerSchema } from '../../../core/mesh-clock/index.ts';
import { consoleConfigSchema } from '../../../dashboards/index.ts';
import { shimConfigSchema } from '../../../firmware-shim/index.ts';
import { gatewayConfigSchema } from '../../../gateway/index.ts';
import { storeConfigSchema } from '../../../gateway/store/index.ts';

const SCHEMAS: Record<ProcessKind, z.ZodType> = {
  store: storeConfigSchema,
  broker: brokerConfigSchema,
  gateway: gatewayConfigSchema,
  console: consoleConfigSchema,
  shim: shimConfigSchema,
};

let directory: string;
let secrets: MeshSecrets;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-configs-'));
  secrets = await loadSecrets(directory);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const plan = (brokers: number, gateways: number): MeshLayout =>
  planMesh({ brokers, gateways, devices: 0, demo: true, portBase: 21_000 });

/** Host and port of a link's peer are one address once they are loaded, and a server of time is no text any more. */
function withAddresses(config: object): object {
  const { links, time } = config as {
    links?: { peers: { id: string; host: string; port: number }[] };
    time?: { servers?: string[] };
  };
  if (links === undefined) return config;
  const peers = links.peers.map(({ id, host, port }) => ({ id, address: { host, port } }));
  const servers = time?.servers?.map((server) => timeServerSchema.parse(server));
  return { ...config, links: { ...links, peers }, time: { servers } };
}

describe('meshConfigs', () => {
  it.each([
    [1, 1],
    [2, 3],
    [8, 16],
  ])('gives each process of %i brokers and %i gateways a file that its own schema takes', async (brokers, gateways) => {
    const layout = plan(brokers, gateways);
    const configs = [...meshConfigs(layout, secrets, directory), shimConfig(layout, secrets, directory)];
    expect(configs).toHaveLength(brokers + gateways + 3);
    expect(new Set(configs.map(({ name }) => name)).size).toBe(configs.length);
    for (const config of configs) {
      const file = await writeConfig(directory, config);
      const loaded = loadConfig(file, SCHEMAS[config.kind]);
      expect(loaded).toMatchObject(withAddresses(config.config));
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
  });

  it('links every broker with every other, and spreads the gateways over them', () => {
    const layout = plan(3, 4);
    const configs = meshConfigs(layout, secrets, directory);
    const peers = configs.flatMap(({ kind, config }) =>
      kind === 'broker' ? [brokerConfigSchema.parse(config).links.peers.map(({ id }) => id)] : [],
    );
    expect(peers).toEqual([
      ['broker-2', 'broker-3'],
      ['broker-1', 'broker-3'],
      ['broker-1', 'broker-2'],
    ]);
    const urls = configs.flatMap(({ kind, config }) =>
      kind === 'gateway' ? [gatewayConfigSchema.parse(config).broker.url] : [],
    );
    expect(urls).toEqual([21_000, 21_001, 21_002, 21_000].map((port) => `mqtt://127.0.0.1:${port}`));
  });
});
