import { resolve } from 'node:path';
import { z } from 'zod';
import { askClocks } from '../../core/cli/mesh-clocks.ts';
import { EXIT, errnoOf, LatticeError } from '../../core/errors/index.ts';
import { basicAuthHeader } from '../../core/identity/index.ts';
import { type Endpoints, loadEndpoints } from '../../core/mesh/index.ts';
import {
  type ClockStatus,
  clockStatusSchema,
  masterOf,
  type TimeTarget,
  timeTargetSchema,
} from '../../core/wire/index.ts';
import { answerOf, lost } from './answers.ts';
import { entered } from './operator-ledger.ts';
import { DEPS, openSite, printJson } from './site.ts';

export interface SetTimeOptions {
  data: string;
  /** `reference`, `wall`, or a date and time with its zone as ISO 8601 has it. */
  to: string;
  /** Mesh time may go backwards. */
  yes: boolean;
  json: boolean;
}

const SET_TIMEOUT_MS = 10_000;

/**
 * Sets the time of the mesh at its master, and enters it in the ledger. Throws USAGE, REFUSED_FOR_SAFETY without --yes,
 * COORDINATION_UNAVAILABLE when there is no master, and as the master says: TIME_NO_REFERENCE, TIME_NOT_MASTER.
 */
export async function setTime(options: SetTimeOptions): Promise<number> {
  const to = timeTarget(options.to);
  if (!options.yes) {
    const what = 'The time of the mesh may go backwards by it, and what is ordered by time with it; say --yes.';
    throw new LatticeError('REFUSED_FOR_SAFETY', what);
  }
  const endpoints = loadEndpoints(resolve(options.data));
  const master = masterOf(await askClocks(endpoints, DEPS.clock));
  if (master === undefined) {
    throw new LatticeError('COORDINATION_UNAVAILABLE', 'No gateway that answers is the master of the time.');
  }
  const clock = await entered(openSite(options), { act: 'time.set', details: { to: options.to } }, () =>
    setAt(endpoints, master.id, to),
  );
  if (options.json) printJson({ master: master.id, ...clock });
  else process.stdout.write(`${master.id} has set mesh time to ${new Date(clock.ms).toISOString()}.\n`);
  return EXIT.ok;
}

/** Throws USAGE. A moment needs its zone: without it nobody knows whose noon is meant. */
export function timeTarget(text: string): TimeTarget {
  const isMoment = z.iso.datetime({ offset: true }).safeParse(text).success;
  const { data } = timeTargetSchema.safeParse({ to: isMoment ? Date.parse(text) : text });
  if (data !== undefined) return data.to;
  const forms = 'reference, wall, or a moment from 2000 on with its zone, as 2030-01-31T12:00:00Z';
  throw new LatticeError('USAGE', `"${text}" is no time to set: --to takes ${forms}.`);
}

async function setAt({ gateways, username, password }: Endpoints, id: string, to: TimeTarget): Promise<ClockStatus> {
  const url = `${gateways.find((gateway) => gateway.id === id)?.http}/time/set`;
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      body: JSON.stringify({ to }),
      headers: { authorization: basicAuthHeader(username, password), 'content-type': 'application/json' },
      signal: AbortSignal.timeout(SET_TIMEOUT_MS),
    });
  } catch (error) {
    throw lost(url, errnoOf((error as Error).cause) !== 'ECONNREFUSED', error);
  }
  const { data } = clockStatusSchema.safeParse(await answerOf(response));
  if (data === undefined) throw new LatticeError('UNREACHABLE', `${id} answers in a form that is not known here.`);
  return data;
}
