import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, hostname } from 'node:os';
import { LatticeError, messageOf } from '../../core/errors/index.ts';
import { type HeldLock, Lock, Session } from '../coordination/index.ts';
import { DEPS, openSite, type SiteOptions } from './site.ts';

/** How long a command that has lost its lock may take to end before it is killed. */
const KILL_AFTER_MS = 5_000;
/** What a shell adds to the number of the signal that a command ended by. */
const EXIT_BY_SIGNAL = 128;

export interface LockOptions extends SiteOptions {
  name: string;
  command: string[];
  timeoutS?: number | undefined;
  ttlS: number;
}

/**
 * Runs a command while the lock is held; resolves with its exit code. Throws LOCK_TIMEOUT when the lock was not to be had in time,
 * LOCK_LOST when it was lost while the command ran, which was ended then, and USAGE when there is no such command.
 */
export async function lock({ name, command, timeoutS, ttlS, ...options }: LockOptions): Promise<number> {
  const interrupts = new Interrupts();
  const { coordinator } = openSite(options);
  const say = (event: string, fencingToken: number): void => {
    // The standard output belongs to the command.
    if (options.json) process.stderr.write(`${JSON.stringify({ event, lock: name, fencingToken })}\n`);
  };
  const session = await Session.open(coordinator, DEPS, { ttlMs: ttlS * 1_000, signal: interrupts.told });
  try {
    const held = await new Lock(session, name, { owner: `${hostname()} ${process.pid}` }).acquire({
      signal: interrupts.told,
      ...(timeoutS === undefined ? {} : { timeoutMs: timeoutS * 1_000 }),
    });
    say('acquired', held.fencingToken);
    try {
      return await runHolding(held, name, command, interrupts);
    } finally {
      say(held.isHeld() ? 'released' : 'lost', held.fencingToken);
      await held.release();
    }
  } finally {
    await session.close();
    await coordinator.close();
  }
}

async function runHolding(held: HeldLock, name: string, command: string[], interrupts: Interrupts): Promise<number> {
  const [program, ...args] = command as [string, ...string[]];
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: { ...process.env, LATTICE_LOCK_NAME: name, LATTICE_FENCING_TOKEN: String(held.fencingToken) },
  });
  interrupts.passOnTo(child);
  let lost: unknown;
  let killing: { cancel(): void } | undefined;
  const onLost = (): void => {
    lost = held.lost.reason;
    child.kill('SIGTERM');
    killing = DEPS.clock.setTimer(KILL_AFTER_MS, () => child.kill('SIGKILL'));
  };
  held.lost.addEventListener('abort', onLost, { once: true });
  if (held.lost.aborted) onLost();
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    if (lost !== undefined) throw lost;
    return code ?? EXIT_BY_SIGNAL + (signal === null ? 0 : constants.signals[signal]);
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    throw new LatticeError('USAGE', `${program} cannot be run: ${messageOf(cause)}.`, { cause });
  } finally {
    held.lost.removeEventListener('abort', onLost);
    killing?.cancel();
  }
}

/** Ctrl-C and its like: they end the wait for the lock, and go to the command once it runs. */
class Interrupts {
  readonly #told = new AbortController();
  #child: ChildProcess | undefined;

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        this.#told.abort();
        // Ctrl-C at a terminal reaches the command by itself, and twice would mean something else to many a program.
        if (signal !== 'SIGINT' || !process.stdin.isTTY) this.#child?.kill(signal);
      });
    }
  }

  get told(): AbortSignal {
    return this.#told.signal;
  }

  passOnTo(child: ChildProcess): void {
    this.#child = child;
    if (this.#told.signal.aborted) child.kill('SIGTERM');
  }
}
