import { resolve } from 'node:path';
import { EXIT } from '../errors/index.ts';
import { loadEndpoints } from '../mesh/index.ts';
import { delay, systemClock } from '../time/index.ts';
import { meshStatus, statusText } from './status.ts';

export interface TopOptions {
  data: string;
  intervalS: number;
  /** Ends after so many pictures. */
  iterations?: number | undefined;
  json: boolean;
}

/** Shows `status` again and again, with the rate since the last time. */
export async function top(options: TopOptions): Promise<number> {
  const endpoints = loadEndpoints(resolve(options.data));
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
  process.stdout.on('error', () => ended.abort());
  let last: { atMs: number; stored: number } | undefined;
  for (let n = 0; n < (options.iterations ?? Number.POSITIVE_INFINITY) && !ended.signal.aborted; n++) {
    if (n > 0) await delay(systemClock, options.intervalS * 1000, ended.signal);
    if (ended.signal.aborted) break;
    const mesh = await meshStatus(endpoints, systemClock);
    const now = { atMs: systemClock.monotonicMs(), stored: mesh.account.stored };
    const storedPerS = last === undefined ? undefined : ((now.stored - last.stored) * 1000) / (now.atMs - last.atMs);
    last = now;
    if (options.json) {
      process.stdout.write(`${JSON.stringify({ ...mesh, storedPerS: storedPerS ?? null })}\n`);
    } else {
      const rate = storedPerS === undefined ? '' : `\nRate     ${storedPerS.toFixed(1)} readings/s stored`;
      process.stdout.write(`${process.stdout.isTTY ? '\x1b[2J\x1b[H' : ''}${statusText(mesh)}${rate}\n`);
    }
  }
  return EXIT.ok;
}
