import { messageOf } from '../errors/index.ts';
import { makePrivateDirectory } from '../files/index.ts';
import {
  checkPorts,
  type Endpoints,
  EndpointsFile,
  loadSecrets,
  type MeshChoice,
  type MeshLayout,
  type MeshSecrets,
  meshConfigs,
  planMesh,
  saveCounts,
  saveEndpoints,
  shimConfig,
} from '../mesh/index.ts';
import { systemClock } from '../time/index.ts';
import { probePaths, warningOf } from './doctor.ts';
import { Supervisor, type SupervisorOptions } from './supervisor.ts';

/** How long the start waits for the paths from every broker through every gateway to the store. */
const PATHS_TIMEOUT_MS = 10_000;
/** Of eight brokers and sixteen gateways there are 128 paths, mostly closed for one reason. */
const WARNINGS_MAX = 3;

export interface MeshRunOptions extends MeshChoice, Pick<SupervisorOptions, 'entry' | 'onRestarting'> {
  dataDir: string;
  /** Told what a person should know and what ends nothing. */
  onWarning: (text: string) => void;
}

/** A mesh on this machine: its processes under one supervisor, and where they can be reached. */
export class MeshRun {
  readonly #options: MeshRunOptions;
  readonly #layout: MeshLayout;
  readonly #supervisor: Supervisor;
  readonly #file: EndpointsFile;
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
        if (this.#isReady) void this.#file.save();
      },
    });
    this.#file = new EndpointsFile({
      dataDir: options.dataDir,
      endpoints: () => this.endpoints(),
      onFailed: (error) => options.onWarning(`mesh.json could not be saved: ${messageOf(error)}`),
    });
  }

  /**
   * Starts everything in the order in which it is needed, and the devices last: when a probe has come through from every
   * broker by every gateway into the store. A path that takes longer is a warning: after a long outage the probe stands
   * behind what the store has missed. Throws PORT_TAKEN, PORT_UNUSABLE, and what a process failed with.
   */
  async start(): Promise<Endpoints> {
    const { dataDir, demo } = this.#options;
    await makePrivateDirectory(dataDir);
    await checkPorts(this.#layout);
    // Before any process can take a message for the others.
    await saveCounts(dataDir, this.#options);
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
    await this.#warnOfPaths();
    if (demo) await this.#startDevices(secrets);
    this.#isReady = true;
    await this.#file.save();
    return this.endpoints();
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
      brokers: brokers.map(({ id, port, wsPort, metricsPort }) => ({
        id,
        host,
        port,
        wsPort,
        http: `http://${host}:${metricsPort}`,
        pid: this.#supervisor.pidOf(id),
      })),
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

  async #warnOfPaths(): Promise<void> {
    const results = await probePaths(this.endpoints(), systemClock, PATHS_TIMEOUT_MS);
    const warnings = results.map(warningOf).filter((warning) => warning !== undefined);
    for (const warning of warnings.slice(0, WARNINGS_MAX)) this.#options.onWarning(warning);
    const left = warnings.length - WARNINGS_MAX;
    if (left > 0) this.#options.onWarning(`${left} more paths are not open; \`npx lattice doctor\` names each.`);
  }

  async #startDevices(secrets: MeshSecrets): Promise<void> {
    const { dataDir, devices } = this.#options;
    const options = ['--data', dataDir, '--demo', '--devices', String(devices)];
    await Promise.all([
      this.#supervisor.startConfigured(shimConfig(this.#layout, secrets, dataDir)),
      this.#supervisor.start('sim', 'sim', options),
    ]);
  }
}
