import { resolve } from 'node:path';
import { table } from '../../core/cli/output.ts';
import { EXIT, errnoOf, LatticeError } from '../../core/errors/index.ts';
import { basicAuthHeader } from '../../core/identity/index.ts';
import { type Endpoints, loadEndpoints } from '../../core/mesh/index.ts';
import type { Settings } from '../fleet/index.ts';
import type { FleetStatus, RolledOut } from '../sites/index.ts';
import { answerOf, lost } from './answers.ts';

export interface FleetOptions {
  data: string;
  json: boolean;
  /** The sites, or that of the data folder when left out. */
  site?: string[];
}

/** More than a roll-out takes at most, with all that it waits for. */
const TIMEOUT_MS = 30_000;

/**
 * Gives devices of several sites settings, at all of the sites or at none: `pairs` are device/setting and value, in turn. A value is JSON
 * where it can be read as such, else text; null takes the setting away. Throws USAGE, UNREACHABLE, TRANSACTION_ABORTED and as
 * the gateway says.
 */
export async function fleetSet({ data, json, site }: FleetOptions, pairs: string[]): Promise<number> {
  const endpoints = loadEndpoints(resolve(data));
  const devices = settingsByDevice(pairs);
  const changes = (site ?? [endpoints.site]).flatMap((name) =>
    [...devices].map(([device, settings]) => ({ site: name, device, settings })),
  );
  const rolledOut = (await ask(endpoints, '/changes', { changes })) as RolledOut;
  const { pendingSites } = rolledOut;
  print(json, rolledOut, () => [
    ...rolledOut.devices.map((each) => `${each.site}/${each.device} is to have version ${each.version}.`),
    ...pendingSites.map((name) => `${name} has not confirmed yet; it gets the change when it can be reached.`),
  ]);
  return EXIT.ok;
}

/** Prints what a device of each site is to do. Exit code 1 when nothing is desired of one of them. */
export async function fleetGet({ data, json, site }: FleetOptions, device: string): Promise<number> {
  const endpoints = loadEndpoints(resolve(data));
  let code: number = EXIT.ok;
  for (const name of site ?? [endpoints.site]) {
    const desired = await ask(endpoints, `/desired/${encodeURIComponent(name)}/${encodeURIComponent(device)}`);
    if (desired === undefined) code = EXIT.failed;
    const told = desired === undefined ? 'nothing is desired' : JSON.stringify(desired);
    print(json, { site: name, device, desired: desired ?? null }, () => [`${name}/${device}  ${told}`]);
  }
  return code;
}

/** Prints the sites and the changes that wait. Exit code 1 while a site cannot be reached or a change is in doubt. */
export async function fleetStatus({ data, json }: FleetOptions): Promise<number> {
  const status = (await ask(loadEndpoints(resolve(data)), '/status')) as FleetStatus;
  const { sites, pending, decision } = status;
  print(json, status, () => [
    table(
      ['SITE', 'STATE', ''],
      sites.map((each) => [each.site, each.isReachable ? 'reachable' : 'AWAY', each.reason ?? '']),
    ),
    '',
    pending.length === 0
      ? `No change waits. Decisions are made by ${decision}.`
      : table(
          ['CHANGE', 'STATE', 'SITES', 'WAITS AT'],
          pending.map(({ id, state, participants, heldAt }) => [id, state, participants.join(), heldAt.join()]),
        ),
  ]);
  const isWell = sites.every(({ isReachable }) => isReachable) && pending.every(({ state }) => state !== 'inDoubt');
  return isWell ? EXIT.ok : EXIT.failed;
}

function settingsByDevice(pairs: string[]): Map<string, Settings> {
  if (pairs.length === 0 || pairs.length % 2 !== 0) {
    throw new LatticeError('USAGE', 'Keys and values come in pairs: DEVICE/SETTING VALUE.');
  }
  const devices = new Map<string, Settings>();
  for (let at = 0; at < pairs.length; at += 2) {
    const [key, text] = pairs.slice(at, at + 2) as [string, string];
    const slash = key.indexOf('/');
    if (slash <= 0 || slash === key.length - 1) throw new LatticeError('USAGE', `"${key}" is not DEVICE/SETTING.`);
    const device = key.slice(0, slash);
    devices.set(device, { ...devices.get(device), [key.slice(slash + 1)]: parsedValue(text) });
  }
  return devices;
}

function parsedValue(text: string): Settings[string] {
  try {
    return JSON.parse(text) as Settings[string];
  } catch {
    return text;
  }
}

/** Asks the first gateway that takes the connection; POST with a body. Undefined for what is not there. */
async function ask({ gateways, username, password }: Endpoints, path: string, body?: object): Promise<unknown> {
  let refused: unknown;
  for (const { http } of gateways) {
    const url = `${http}/v1/fleet${path}`;
    let response: Response;
    try {
      response = await fetch(url, {
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
        headers: { authorization: basicAuthHeader(username, password), 'content-type': 'application/json' },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      // Nothing has been asked yet; after any other failure the change may have been made.
      if (errnoOf((error as Error).cause) !== 'ECONNREFUSED') throw lost(url, body !== undefined, error);
      refused = error;
      continue;
    }
    return answerOf(response);
  }
  throw new LatticeError('UNREACHABLE', 'No gateway of the mesh answers.', { cause: refused });
}

function print(isJson: boolean, value: unknown, text: () => string[]): void {
  process.stdout.write(`${isJson ? JSON.stringify(value) : text().join('\n')}\n`);
}
