import { join } from 'node:path';
import { makePrivateDirectory } from '../files/index.ts';
import {
  checkPorts,
  type Endpoints,
  loadSecrets,
  type MeshChoice,
  type MeshLayout,
  type MeshSecrets,
  meshConfigs,
  planMesh,
  saveEndpoints,
  shimConfig,
} from '../mesh/index.ts';
import { systemClock } from '../time/index.ts';
import { awaitPaths } from './doctor.ts';
import { Supervisor, type SupervisorOptions } from './supervisor.ts';

/** How long the paths from every broker through every gateway to the store may take to stand. */
const PATHS_TIMEOUT_MS = 10_000;

export interface MeshRunOptions extends MeshChoice, Pick<SupervisorOptions, 'entry' | 'onRestarting'> {
  dataDir: string;
}

/** A mesh on this machine: its processes under one supervisor, and where they can be reached. */
export class MeshRun {
  readonly #options: MeshRunOptions;
  readonly #layout: MeshLayout;
  readonly #supervisor: Supervisor;
  #secrets: MeshSecrets | undefined;
  #isReady = false;

  /** Throws USAGE. */
  constructor(options: MeshRunOptions) {
    this.#options = options;
    this.#layout = planMesh(options);
    this.#supervisor = new Supervisor({
      ...options,
      onReady: () => {
        // A process that was started again has another pid, which `status` and scripts look up in the file.
        if (this.#isReady) void saveEndpoints(options.dataDir, this.endpoints());
      },
    });
  }

  get names(): string[] {
    return this.#supervisor.names;
  }

  /**
   * Starts everything in the order in which it is needed, and the devices last: only when a probe has come through from
   * every broker by every gateway into the store. Throws PORT_TAKEN, and what a process failed with.
   */
  async start(): Promise<Endpoints> {
    const { dataDir, demo } = this.#options;
    await makePrivateDirectory(dataDir);
    await checkPorts(this.#layout);
    const secrets = await loadSecrets(dataDir);
    this.#secrets = secrets;
    const configs = meshConfigs(this.#layout, secrets, dataDir);
    // The console only looks at the others, and may come up beside them.
    for (const kinds of [
      ['store', 'broker'],
      ['gateway', 'console'],
    ]) {
      const group = configs.filter(({ kind }) => kinds.includes(kind));
      await Promise.all(group.map((config) => this.#supervisor.startConfigured(config)));
    }
    // Saved first: the fleet, and a person who wants to know why a start hangs, find the mesh by this file.
    await saveEndpoints(dataDir, this.endpoints());
    await awaitPaths(this.endpoints(), systemClock, PATHS_TIMEOUT_MS);
    if (demo) await this.#startDevices(secrets);
    this.#isReady = true;
    const endpoints = this.endpoints();
    await saveEndpoints(dataDir, endpoints);
    return endpoints;
  }

  /** Stops everything, the devices first. Safe twice. */
  stop(): Promise<void> {
    return this.#supervisor.stop();
  }

  endpoints(): Endpoints {
    const { site, host, brokers, gateways, store, console } = this.#layout;
    const secrets = this.#secrets as MeshSecrets;
    return {
      ready: true,
      brokers: brokers.map(({ id, port, wsPort }) => ({ id, host, port, wsPort, pid: this.#supervisor.pidOf(id) })),
      gateways: gateways.map(({ id, port }) => ({
        id,
        http: `http://${host}:${port}`,
        pid: this.#supervisor.pidOf(id),
      })),
      store: { url: `http://${host}:${store.port}`, db: store.database, pid: this.#supervisor.pidOf('store') },
      console: `http://${host}:${console.port}/?token=${secrets.consoleToken}`,
      username: secrets.operator.username,
      password: secrets.operator.password,
      site,
      dataDir: this.#options.dataDir,
    };
  }

  async #startDevices(secrets: MeshSecrets): Promise<void> {
    const { dataDir, devices } = this.#options;
    const sim = ['sim', '--data', dataDir, '--demo', '--devices', String(devices)];
    await Promise.all([
      this.#supervisor.startConfigured(shimConfig(this.#layout, secrets, dataDir)),
      devices > 0 ? this.#supervisor.start('sim', sim, { isDevice: true }) : undefined,
    ]);
  }
}

/** Where a mesh keeps its data unless told otherwise. */
export function defaultDataDir(): string {
  return join(process.cwd(), '.lattice');
}
