import { join } from 'node:path';
import { stringify } from 'yaml';
import { makePrivateDirectory, writeFileAtomic } from '../files/index.ts';
import { derivedPassword } from '../identity/index.ts';
import type { MeshLayout } from './layout.ts';
import type { MeshSecrets } from './secrets.ts';

/** The processes of a mesh, by the command that runs each. */
export type ProcessKind = 'store' | 'broker' | 'gateway' | 'console' | 'shim';

export interface ProcessConfig {
  /** Name of the process, of its configuration file and of its log. */
  name: string;
  kind: ProcessKind;
  config: Record<string, unknown>;
}

/** More voters make every change slower and hardly any group safer. */
const VOTERS_MAX = 7;

/** The configuration of each process of a mesh, as plain data; each process checks its own by its own schema. */
export function meshConfigs(layout: MeshLayout, secrets: MeshSecrets, dataDir: string): ProcessConfig[] {
  const { site, host } = layout;
  const { siteKey } = secrets;
  const { username, passwordHash } = secrets.operator;
  const common = { site, siteKey, accounts: [{ username, passwordHash, role: 'operator' }] };
  const storeUrl = `http://${host}:${layout.store.port}`;
  const { database } = layout.store;
  const brokerUrls = brokerUrlsOf(layout);
  const members = layout.gateways.map(({ id }) => id);
  const group = layout.gateways.map(({ id, peerPort }, index) => ({
    name: id,
    address: `${host}:${peerPort}`,
    role: index < VOTERS_MAX ? 'voter' : 'learner',
  }));

  const store: ProcessConfig = {
    name: 'store',
    kind: 'store',
    config: { ...common, dataDir: join(dataDir, 'store'), listen: { host, port: layout.store.port }, database },
  };
  const brokers = layout.brokers.map(
    ({ id, port, wsPort, linkPort, metricsPort }): ProcessConfig => ({
      name: id,
      kind: 'broker',
      config: {
        ...common,
        id,
        dataDir: join(dataDir, id),
        listen: { host, port, wsPort },
        metrics: { host, port: metricsPort },
        links: {
          listen: { host, port: linkPort },
          peers: layout.brokers
            .filter((peer) => peer.id !== id)
            .map((peer) => ({ id: peer.id, host, port: peer.linkPort })),
        },
        time: { servers: layout.gateways.map((gateway) => `${host}:${gateway.port}`) },
      },
    }),
  );
  const gateways = layout.gateways.map(
    ({ id, port, peerPort }, index): ProcessConfig => ({
      name: id,
      kind: 'gateway',
      config: {
        ...common,
        id,
        dataDir: join(dataDir, id),
        http: { host, port },
        members,
        broker: { url: brokerUrls[index % brokerUrls.length], urls: brokerUrls },
        store: {
          driver: 'embedded',
          url: storeUrl,
          database,
          username: id,
          password: derivedPassword(siteKey, 'gateway', id),
        },
        agreement: { driver: 'raft', listen: { host, port: peerPort }, members: group },
        time: { devices: { listen: { host, port } } },
      },
    }),
  );
  const console: ProcessConfig = {
    name: 'console',
    kind: 'console',
    config: {
      ...common,
      listen: { host, port: layout.console.port },
      accessToken: secrets.consoleToken,
      brokers: layout.brokers.map(({ id, port: brokerPort }) => ({ id, host, port: brokerPort })),
      gateways: layout.gateways.map(({ id, port: httpPort }) => ({ id, http: `http://${host}:${httpPort}` })),
      store: { url: storeUrl, database },
    },
  };
  return [store, ...brokers, ...gateways, console];
}

/** The shim of the machine that the mesh runs on: the demo's real sensors. */
export function shimConfig(layout: MeshLayout, secrets: MeshSecrets, dataDir: string): ProcessConfig {
  const device = 'this-machine';
  return {
    name: 'shim',
    kind: 'shim',
    config: {
      device,
      site: layout.site,
      brokers: brokerUrlsOf(layout),
      username: device,
      password: derivedPassword(secrets.siteKey, 'device', device),
      dataDir: join(dataDir, 'shim'),
      socketPath: join(dataDir, 'shim', 'readings.sock'),
    },
  };
}

function brokerUrlsOf({ host, brokers }: MeshLayout): string[] {
  return brokers.map(({ port }) => `mqtt://${host}:${port}`);
}

/** Writes a process's configuration, readable by the owner alone since it holds secrets; returns the file. */
export async function writeConfig(dataDir: string, { name, config }: ProcessConfig): Promise<string> {
  const directory = join(dataDir, 'config');
  await makePrivateDirectory(directory);
  const path = join(directory, `${name}.yaml`);
  await writeFileAtomic(path, stringify(config));
  return path;
}
