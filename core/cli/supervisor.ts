import { join } from 'node:path';
import { makePrivateDirectory } from '../files/index.ts';
import { type ProcessConfig, writeConfig } from '../mesh/index.ts';
import { BROKER_SEMI_SPACE_MIB, Supervised } from '../process/index.ts';

/**
 * Processes stop in the opposite order of what they need: devices get their last readings acknowledged, then gateways what
 * they hold written, before what they talk to goes. What has not ended by its stage's time, counted from Ctrl-C, is killed.
 */
const STOP_STAGES = [
  { kinds: ['sim', 'shim'], byMs: 2_000 },
  { kinds: ['gateway', 'console'], byMs: 3_300 },
  { kinds: ['broker', 'store'], byMs: 4_500 },
] as const;
type Kind = (typeof STOP_STAGES)[number]['kinds'][number];

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
  readonly #processes = new Map<string, { kind: Kind; supervised: Supervised }>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  pidOf(name: string): number {
    return this.#processes.get(name)?.supervised.pid ?? 0;
  }

  /** Starts a process that has a configuration file; resolves with what it said when ready. */
  async startConfigured(process: ProcessConfig): Promise<Record<string, unknown>> {
    const file = await writeConfig(this.#options.dataDir, process);
    return this.start(process.name, process.kind, ['--config', file]);
  }

  /** Starts a process by the command of that name; resolves with what it said when ready. */
  async start(name: string, kind: Kind, options: readonly string[]): Promise<Record<string, unknown>> {
    const logs = join(this.#options.dataDir, 'logs');
    await makePrivateDirectory(logs);
    const supervised = new Supervised({
      name,
      args: [kind, ...options],
      entry: this.#options.entry,
      logPath: join(logs, `${name}.log`),
      ...(kind === 'broker' ? { semiSpaceMib: BROKER_SEMI_SPACE_MIB } : {}),
      // Ten processes compile the same modules; after the first start none has to, which halves the time to ready.
      env: { NODE_COMPILE_CACHE: join(this.#options.dataDir, 'cache') },
    });
    supervised.on('restarting', (reason) => this.#options.onRestarting(name, reason));
    supervised.on('ready', () => this.#options.onReady(name));
    this.#processes.set(name, { kind, supervised });
    return supervised.start();
  }

  /** Stops everything. Safe twice. */
  async stop(): Promise<void> {
    const startedMs = performance.now();
    for (const { kinds, byMs } of STOP_STAGES) {
      const stage = [...this.#processes.values()].filter(({ kind }) => kinds.some((it) => it === kind));
      const leftMs = byMs - (performance.now() - startedMs);
      await Promise.all(stage.map(({ supervised }) => supervised.stop(leftMs)));
    }
  }
}
