import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { LatticeError, messageOf } from '../errors/index.ts';
import type { ChildMessage } from './host.ts';
import { LogFile } from './log-file.ts';

export interface SupervisedOptions {
  name: string;
  /** Arguments of this program's own command line, for example ['broker', '--config', …]. */
  args: readonly string[];
  /** The program's entry, lattice.ts. */
  entry: string;
  logPath: string;
  /**
   * Where V8 keeps what is young, MiB; 4 when left out. More lets what lives for a millisecond die there: a broker whose link is
   * busy takes half the processor time with 32 as with 4, and up to 60 MB more memory.
   */
  semiSpaceMib?: number;
  /** Added to the parent's environment. */
  env?: Record<string, string>;
  /** The Node that runs the entry. Default: the one that runs this process. */
  execPath?: string;
}

interface SupervisedEvents {
  /** The process runs and has said so; with what it said. */
  ready: [detail: Record<string, unknown>];
  /** The process has ended by itself and is started again after delayMs. */
  restarting: [reason: string, delayMs: number];
}

/**
 * What keeps a process small. A process with 40 MB alive lets garbage grow to several times that before V8 looks, and glibc gives
 * each thread of the pool an arena of its own.
 */
const NODE_FLAGS = ['--heap-growing-percent=40', '--disable-warning=ExperimentalWarning'];
const SEMI_SPACE_MIB = 4;
/** For a broker. */
export const BROKER_SEMI_SPACE_MIB = 32;
const SMALL_HEAP = { MALLOC_ARENA_MAX: '2' };

const BACKOFF_MS_MIN = 200;
const BACKOFF_MS_MAX = 5_000;
/** A process that has run this long is well again: the next restart is quick. */
const STABLE_MS = 30_000;

/** One child process that is started again whenever it ends, until it is stopped. */
export class Supervised extends EventEmitter<SupervisedEvents> {
  readonly name: string;
  readonly #options: SupervisedOptions;
  readonly #log: LogFile;
  #child: ChildProcess | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #isStopping = false;
  #wasReady = false;
  #backoffMs = BACKOFF_MS_MIN;
  restarts = 0;

  constructor(options: SupervisedOptions) {
    super();
    this.name = options.name;
    this.#options = options;
    this.#log = new LogFile(options.logPath);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process; resolves with what it said when ready. Rejects when it ends before that for the first time. */
  async start(): Promise<Record<string, unknown>> {
    const failed = new Promise<never>((_resolve, reject) => {
      this.#spawn(reject);
    });
    const [detail] = (await Promise.race([once(this, 'ready'), failed])) as [Record<string, unknown>];
    return detail;
  }

  /** Asks the process to end, and kills it at the deadline. Safe twice. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      await exited;
      clearTimeout(timer);
    }
    await this.#log.close();
  }

  #spawn(reject?: (error: Error) => void): void {
    const startedMs = performance.now();
    let failure: LatticeError | undefined;
    const ended = (reason: string): void => {
      this.#child = undefined;
      if (this.#isStopping) return;
      if (!this.#wasReady && reject !== undefined) {
        reject(failure ?? new LatticeError('INTERNAL', `${this.name} ${reason}. Its log: ${this.#log.path}`));
        return;
      }
      this.#restartLater(failure?.message ?? reason, performance.now() - startedMs);
    };
    let child: ChildProcess;
    try {
      child = this.#spawnChild();
    } catch (error) {
      ended(`could not be started: ${messageOf(error)}`);
      return;
    }
    child.on('error', (error) => {
      // Some failures of spawn are thrown, others come as this event, and then 'exit' never does. The event may tell of
      // other things too (a signal or a message that could not be sent), which do not end the process.
      if (child.pid === undefined) ended(`could not be started: ${messageOf(error)}`);
    });
    // Without a pid there is no process that stop() could wait for.
    if (child.pid === undefined) return;
    this.#child = child;
    child.stdout?.on('data', (chunk: Uint8Array) => this.#log.write(chunk));
    child.stderr?.on('data', (chunk: Uint8Array) => this.#log.write(chunk));
    child.on('message', (message: ChildMessage) => {
      if (message.type === 'failed') {
        failure = new LatticeError(message.code, `${this.name}: ${message.detail}`);
        return;
      }
      this.#wasReady = true;
      this.emit('ready', message.detail);
    });
    child.on('exit', (code, signal) => ended(signal === null ? `ended with code ${code}` : `ended by ${signal}`));
  }

  #spawnChild(): ChildProcess {
    const { execPath = process.execPath, entry, args, env, semiSpaceMib = SEMI_SPACE_MIB } = this.#options;
    // A process group of its own, so that Ctrl-C reaches the parent alone, which then stops the children in order. They
    // cannot outlive it: they end when its IPC channel closes.
    return spawn(execPath, [`--max-semi-space-size=${semiSpaceMib}`, ...NODE_FLAGS, entry, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env: { ...SMALL_HEAP, ...process.env, ...env },
    });
  }

  #restartLater(reason: string, ranMs: number): void {
    if (ranMs > STABLE_MS) this.#backoffMs = BACKOFF_MS_MIN;
    const delayMs = this.#backoffMs;
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2);
    this.restarts++;
    this.emit('restarting', reason, delayMs);
    this.#restartTimer = setTimeout(() => this.#spawn(), delayMs);
  }
}
