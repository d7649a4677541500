import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { cleanup } from '../support/harness.ts';
import { newFolder } from '../support/store.ts';

/** Debian's Mosquitto on a port of its own; it keeps sessions and retained messages across a restart in order. */
export class Mosquitto {
  readonly port: number;
  readonly #configFile: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, configFile: string) {
    this.port = port;
    this.#configFile = configFile;
  }

  /** Starts it with more lines of configuration; it ends with the test. */
  static async start(lines: readonly string[] = ['allow_anonymous true']): Promise<Mosquitto> {
    const folder = await newFolder();
    const port = await freePort();
    const configFile = join(folder, 'mosquitto.conf');
    const own = [
      `listener ${port} 127.0.0.1`,
      'user root',
      'persistence true',
      `persistence_location ${folder}/`,
      'max_queued_messages 0',
      'log_type none',
    ];
    await writeFile(configFile, `${[...own, ...lines].join('\n')}\n`);
    const mosquitto = new Mosquitto(port, configFile);
    cleanup(() => mosquitto.stop());
    await mosquitto.run();
    return mosquitto;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Starts it (again) over the same data. */
  async run(): Promise<void> {
    const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin` };
    this.#child = spawn('mosquitto', ['-c', this.#configFile], { stdio: 'ignore', env: environment });
    await eventually(() => answers(this.port), 5_000);
  }

  /** Ends it in order: what it acknowledged is on its disk. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
}

async function answers(port: number): Promise<void> {
  const socket = connectSocket(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}
