import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSecrets, saveEndpoints } from '../../../core/mesh/index.ts';
import type { TimeService } from '../../../gateway/api/index.ts';
import { ENTRY, lattice } from '../../support/mesh.ts';
import { HttpSite, OPERATOR } from '../coordination/http-cluster.ts';

/** Three gateways that agree, and the data folder by which the command line finds them. */
export class CliSite {
  readonly gateways: HttpSite;
  readonly data: string;
  readonly #running = new Set<ChildProcess>();

  private constructor(gateways: HttpSite, data: string) {
    this.gateways = gateways;
    this.data = data;
  }

  static async start(timeOf?: (name: string) => TimeService | undefined): Promise<CliSite> {
    const gateways = await HttpSite.start(3, timeOf);
    const data = await mkdtemp(join(tmpdir(), 'lattice-cli-'));
    await loadSecrets(data);
    await saveEndpoints(data, {
      ready: true,
      brokers: [],
      gateways: gateways.raft.all.map(({ name }) => ({ id: name, http: gateways.url(name), pid: 0 })),
      store: { url: 'http://127.0.0.1:1', db: 'lattice', pid: 0 },
      console: '',
      ...OPERATOR,
      site: 'home',
      dataDir: data,
    });
    return new CliSite(gateways, data);
  }

  /** One command, to its end. */
  run(command: string, ...args: string[]): ReturnType<typeof lattice> {
    return lattice(...command.split(' '), '--data', this.data, ...args);
  }

  /** A command that goes on; what it has printed so far is in `stdout`. */
  begin(command: string, ...args: string[]): Running {
    const child = spawn(process.execPath, [ENTRY, ...command.split(' '), '--data', this.data, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.add(child);
    const running: Running = {
      stdout: '',
      stderr: '',
      kill: (signal) => child.kill(signal),
      ended: once(child, 'close').then(([code]) => code as number | null),
    };
    child.stdout.on('data', (chunk) => {
      running.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      running.stderr += chunk;
    });
    return running;
  }

  /** As its process would be; resolves with its name. */
  async killLeader(): Promise<string> {
    const { name } = await this.gateways.raft.leader();
    await this.gateways.kill(name);
    return name;
  }

  async stop(): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL');
    await this.gateways.stop();
    await rm(this.data, { recursive: true, force: true });
  }
}

export interface Running {
  stdout: string;
  stderr: string;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<number | null>;
}
