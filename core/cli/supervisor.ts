import { join } from 'node:path';
import { makePrivateDirectory } from '../files/index.ts';
import { type ProcessConfig, writeConfig } from '../mesh/index.ts';
import { Supervised } from '../process/index.ts';

/** All processes are gone within this time of Ctrl-C. */
const STOP_TIMEOUT_MS = 4_500;
/** The share of it that devices get to have their last readings acknowledged, before what they talk to goes. */
const DEVICES_STOP_TIMEOUT_MS = 2_000;

export interface SupervisorOptions {
  dataDir: string;
  /** The program's entry, lattice.ts. */
  entry: string;
  /** Told when a process has ended by itself and is started again. */
  onRestarting: (name: string, reason: string) => void;
  /** Told when a process is ready, each time. */
  onReady: (name: string) => void;
}

/** The processes of one mesh: started in the order in which they need each other, stopped in the opposite one. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #processes = new Map<string, Supervised>();
  readonly #devices = new Set<string>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  pidOf(name: string): number {
    return this.#processes.get(name)?.pid ?? 0;
  }

  get names(): string[] {
    return [...this.#processes.keys()];
  }

  /** Starts a process that has a configuration file; resolves with what it said when ready. */
  async startConfigured(process: ProcessConfig): Promise<Record<string, unknown>> {
    const file = await writeConfig(this.#options.dataDir, process);
    return this.start(process.name, [process.kind, '--config', file], { isDevice: process.kind === 'shim' });
  }

  async start(
    name: string,
    args: readonly string[],
    { isDevice = false }: { isDevice?: boolean } = {},
  ): Promise<Record<string, unknown>> {
    const logs = join(this.#options.dataDir, 'logs');
    await makePrivateDirectory(logs);
    const supervised = new Supervised({
      name,
      args,
      entry: this.#options.entry,
      logPath: join(logs, `${name}.log`),
      // Ten processes compile the same modules; after the first start none has to, which halves the time to ready.
      env: { NODE_COMPILE_CACHE: join(this.#options.dataDir, 'cache') },
    });
    supervised.on('restarting', (reason) => this.#options.onRestarting(name, reason));
    supervised.on('ready', () => this.#options.onReady(name));
    this.#processes.set(name, supervised);
    if (isDevice) this.#devices.add(name);
    return supervised.start();
  }

  /** Stops everything. Safe twice. */
  async stop(): Promise<void> {
    const startedMs = performance.now();
    const all = [...this.#processes];
    const stop = (isDevice: boolean, timeoutMs: number): Promise<unknown> =>
      Promise.all(all.filter(([name]) => this.#devices.has(name) === isDevice).map(([, it]) => it.stop(timeoutMs)));
    await stop(true, DEVICES_STOP_TIMEOUT_MS);
    await stop(false, STOP_TIMEOUT_MS - (performance.now() - startedMs));
  }
}
