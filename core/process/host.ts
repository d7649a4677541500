import { once } from 'node:events';
import { codeOf, type ErrorCode, errnoOf, LatticeError, messageOf } from '../errors/index.ts';

/** What every process of a mesh tells the parent that started it, over Node's IPC channel. */
export type ChildMessage =
  | { type: 'ready'; detail: Record<string, unknown> }
  | { type: 'failed'; code: ErrorCode; detail: string };

export interface Service {
  /** What the parent and the log are told once the service runs: addresses, for the most part. */
  detail: Record<string, unknown>;
  /** Ends everything in order. Safe twice. */
  stop(): Promise<void>;
  /** Resolves when the service has done what it was started for; a service without it runs until it is told to stop. */
  ended?: Promise<void>;
  /** The process's exit code, asked for after stop(); 0 without it. */
  exitCode?(): number;
}

/**
 * How long a service may take to stop before the process ends all the same, with code 1. It is for a process that runs by
 * itself: a parent that stops a whole mesh gives each of its processes less, and kills what has not ended by then.
 */
const STOP_TIMEOUT_MS = 4_000;

/**
 * Runs one service as this process: starts it, tells the parent that it is ready, and stops it on SIGINT, SIGTERM or
 * when the parent is gone (its IPC channel closes even when it was killed, so no child outlives it).
 * It also ends when the service itself does. Resolves with the exit code.
 */
export async function hostService(start: () => Promise<Service>): Promise<number> {
  const aborter = new AbortController();
  const ending = endOfProcess(aborter);
  let service: Service;
  try {
    service = await start();
  } catch (error) {
    await tellParent({ type: 'failed', code: codeOf(error), detail: messageOf(error) });
    // A listener for 'disconnect' keeps the channel, and with it the process, alive.
    aborter.abort();
    throw error;
  }
  await tellParent({ type: 'ready', detail: service.detail });
  await (service.ended === undefined ? ending : Promise.race([ending, service.ended]));
  aborter.abort();
  const timer = setTimeout(() => process.exit(1), STOP_TIMEOUT_MS);
  await service.stop();
  clearTimeout(timer);
  return service.exitCode?.() ?? 0;
}

async function endOfProcess(aborter: AbortController): Promise<void> {
  const events = ['SIGINT', 'SIGTERM', 'disconnect'].map((event) => once(process, event, { signal: aborter.signal }));
  await Promise.race(events.map((event) => event.catch(() => new Promise(() => {}))));
  aborter.abort();
}

function tellParent(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

/** Turns a failed listen into PORT_TAKEN, which names the port; anything else is returned as it is. */
export function listenError(error: unknown, host: string, port: number): unknown {
  if (errnoOf(error) !== 'EADDRINUSE') return error;
  return new LatticeError('PORT_TAKEN', `Port ${port} on ${host} is taken by another program.`, { cause: error });
}
