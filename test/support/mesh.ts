import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Endpoints, endpointsSchema } from '../../core/mesh/index.ts';

export const ENTRY = fileURLToPath(new URL('../../lattice.ts', import.meta.url));

/** One run of the command line, to its end. */
export async function lattice(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [ENTRY, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  return collect(child);
}

/** One run of any program, to its end; input, if given, goes to its standard input. */
export async function run(
  program: string,
  args: readonly string[],
  input?: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin?.end(input);
  return collect(child);
}

async function collect(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** A mesh of real processes, started as a user does. */
export class TestMesh {
  readonly dataDir: string;
  readonly portBase: number;
  endpoints!: Endpoints;
  #child: ChildProcess | undefined;

  private constructor(dataDir: string, portBase: number) {
    this.dataDir = dataDir;
    this.portBase = portBase;
  }

  static async start(...args: string[]): Promise<TestMesh> {
    const mesh = new TestMesh(mkdtempSync(join(tmpdir(), 'lattice-mesh-')), await freePortBase());
    await mesh.up(...args);
    return mesh;
  }

  /** Starts (again) over the same data and ports. */
  async up(...args: string[]): Promise<void> {
    const child = spawn(
      process.execPath,
      [ENTRY, 'up', '--json', '--data', this.dataDir, '--port-base', String(this.portBase), ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    const firstLine = once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line');
    const [line] = (await Promise.race([
      firstLine,
      once(child, 'exit').then(([code]) => {
        throw new Error(`lattice up ended with code ${code}: ${stderr}`);
      }),
    ])) as [string];
    this.endpoints = endpointsSchema.parse(JSON.parse(line));
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Ctrl-C; resolves with the exit code. */
  async interrupt(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    const [code] = (await exited) as [number | null];
    return code;
  }

  async destroy(): Promise<void> {
    await this.interrupt();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  broker(index: number): Endpoints['brokers'][number] {
    return this.endpoints.brokers[index] as Endpoints['brokers'][number];
  }

  /** Arguments for Mosquitto's clients. */
  mosquittoArgs(brokerIndex: number): string[] {
    const { host, port } = this.broker(brokerIndex);
    return ['-h', host, '-p', String(port), '-u', this.endpoints.username, '-P', this.endpoints.password];
  }
}

/** The first of 64 ports that were all free a moment ago. */
export async function freePortBase(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const base = 22_000 + 64 * Math.floor(Math.random() * 150);
    const free = await Promise.all(Array.from({ length: 24 }, (_, offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no free range of ports');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Whether a process with this id runs. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
