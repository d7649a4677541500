import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/free-port.ts';
import { PEER_PATH } from '../../../support/peers.ts';

const env = { ...process.env, PATH: PEER_PATH, LC_ALL: 'C' };

export interface ChronydOptions {
  /** Followed, asked as often as `polling` says in the words of chrony.conf; without one it serves the machine's own clock at localStratum. */
  server?: { port: number; polling?: string };
  /** Asked from; from another one each time when left out. */
  clientPort?: number;
  localStratum?: number;
  /** Where the folder with its files is made. */
  parent?: string;
  /** As faketime takes it: `+2s`. */
  fakeTime?: string;
}

/** Debian's chronyd on ports and files of its own. It sets no clock. */
export class Chronyd {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly port: number;
  readonly commandPort: number;

  private constructor(child: ChildProcess, folder: string, port: number, commandPort: number) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
    this.commandPort = commandPort;
  }

  static async start({
    server,
    clientPort = 0,
    localStratum = 8,
    parent = tmpdir(),
    fakeTime,
  }: ChronydOptions = {}): Promise<Chronyd> {
    const folder = await mkdtemp(join(parent, 'lattice-chronyd-'));
    const [port, commandPort] = [await freePort(), await freePort()];
    const { port: serverPort, polling = 'maxpoll 4' } = server ?? {};
    const source =
      server === undefined ? `local stratum ${localStratum}` : `server 127.0.0.1 port ${serverPort} iburst ${polling}`;
    const configuration = [
      source,
      `acquisitionport ${clientPort}`,
      'allow 127.0.0.1',
      'bindaddress 127.0.0.1',
      'bindcmdaddress 127.0.0.1',
      'bindcmdaddress /',
      `port ${port}`,
      `cmdport ${commandPort}`,
      `pidfile ${join(folder, 'pid')}`,
    ];
    const file = join(folder, 'chrony.conf');
    await writeFile(file, `${configuration.join('\n')}\n`);
    const args = ['-d', '-x', '-U', '-u', userInfo().username, '-F', '0', '-f', file];
    const faked = fakeTime === undefined ? {} : await fakedBy(fakeTime);
    const child = spawn('chronyd', args, { env: { ...env, ...faked }, stdio: 'ignore' });
    const chronyd = new Chronyd(child, folder, port, commandPort);
    await eventually(() => chronyd.chronyc('tracking'));
    return chronyd;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Comma-separated, as `chronyc -c` prints it. */
  async chronyc(...args: string[]): Promise<string> {
    const own = ['-h', '127.0.0.1', '-p', String(this.commandPort), '-n', '-c'];
    return (await promisify(execFile)('chronyc', [...own, ...args], { env })).stdout;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill();
      await ended;
    }
    await rm(this.#folder, { recursive: true });
  }
}

/** What faketime sets for a program. By itself it stays between the program and us, and the program outlives its end. */
async function fakedBy(fakeTime: string): Promise<Record<string, string>> {
  const { stdout } = await promisify(execFile)('faketime', ['-f', fakeTime, 'printenv', 'LD_PRELOAD'], { env });
  return { LD_PRELOAD: stdout.trim(), FAKETIME: fakeTime };
}
