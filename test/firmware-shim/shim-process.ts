import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ChildMessage } from '../../core/process/index.ts';

/** A real shim in a process of its own, as the parent of a mesh starts it. */
export class ShimProcess {
  readonly #configFile: string;
  #child: ChildProcess | undefined;
  output = '';

  constructor(configFile: string) {
    this.#configFile = configFile;
  }

  /** Resolves with what the shim said when it was ready. */
  async start(): Promise<Record<string, unknown>> {
    const entry = new URL('shim-entry.ts', import.meta.url).pathname;
    const child = fork(entry, [this.#configFile], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child = child;
    child.stdout?.on('data', (chunk) => {
      this.output += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      this.output += chunk;
    });
    const [message] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error(`the shim ended: ${this.output}`);
      }),
    ])) as [ChildMessage];
    if (message.type === 'failed') throw new Error(`${message.code}: ${message.detail}`);
    return message.detail;
  }

  /** Resolves with the exit code, null after SIGKILL. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  }
}
