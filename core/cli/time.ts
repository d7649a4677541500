import { resolve } from 'node:path';
import { EXIT } from '../errors/index.ts';
import { type Endpoints, loadEndpoints } from '../mesh/index.ts';
import { type Clock, delay, systemClock } from '../time/index.ts';
import { clockFaults, clockRows, masterOf } from '../wire/index.ts';
import { type AskedClock, askClocks, contradictions, meshNow } from './mesh-clocks.ts';
import { timeText } from './time-table.ts';

export interface TimeOptions {
  data: string;
  watch: boolean;
  intervalS: number;
  /** Ends after so many pictures, when watching. */
  iterations?: number | undefined;
  json: boolean;
}

/**
 * Prints mesh time and the clock of every gateway, with --watch again and again. Exit code by the last picture: 1 when a clock cannot be
 * relied on, 3 when no gateway answers. Throws UNREACHABLE when no mesh has run in the folder.
 */
export async function time(options: TimeOptions): Promise<number> {
  const endpoints = loadEndpoints(resolve(options.data));
  if (!options.watch) return show(endpoints, systemClock, options.json);
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
  process.stdout.on('error', () => ended.abort());
  let code: number = EXIT.ok;
  for (let n = 0; n < (options.iterations ?? Number.POSITIVE_INFINITY) && !ended.signal.aborted; n++) {
    if (n > 0) await delay(systemClock, options.intervalS * 1000, ended.signal);
    if (ended.signal.aborted) break;
    code = await show(endpoints, systemClock, options.json, process.stdout.isTTY ? '\x1b[2J\x1b[H' : '');
  }
  return code;
}

async function show(endpoints: Endpoints, clock: Clock, isJson: boolean, clear = ''): Promise<number> {
  const asked = await askClocks(endpoints, clock);
  const now = meshNow(asked, clock.monotonicMs());
  const faults = timeFaults(asked);
  if (isJson) {
    const master = masterOf(asked);
    const told = {
      ok: faults.length === 0,
      now: now ?? null,
      master: master?.id ?? null,
      reference: master?.time.reference ?? null,
      clocks: clockRows(asked),
      gateways: asked,
      faults,
    };
    process.stdout.write(`${JSON.stringify(told)}\n`);
  } else {
    process.stdout.write(`${clear}${[timeText(asked, now), ...faults.map((fault) => `${fault}.`)].join('\n')}\n`);
  }
  if (asked.every(({ failure }) => failure !== undefined)) return EXIT.unreachable;
  return faults.length === 0 ? EXIT.ok : EXIT.failed;
}

/** Why mesh time cannot be relied on everywhere, in words without a full stop; empty when it can. */
export function timeFaults(asked: readonly AskedClock[]): string[] {
  const answered = asked.filter(({ failure }) => failure === undefined);
  return [
    ...asked.flatMap(({ id, failure }) => (failure === undefined ? [] : [`${id} does not answer`])),
    ...(answered.length > 0 && answered.every((each) => each.time === undefined)
      ? ['No gateway takes part in the time of the mesh']
      : []),
    ...clockFaults(asked).map(({ text }) => text),
    ...contradictions(asked).map(([one, other]) => `${one} and ${other} contradict each other about the time`),
  ];
}
