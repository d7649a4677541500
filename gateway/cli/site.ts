import { resolve } from 'node:path';
import { loadEndpoints } from '../../core/mesh/index.ts';
import { systemRandom } from '../../core/random/index.ts';
import { systemClock } from '../../core/time/index.ts';
import { GatewaysCaller, HttpCoordinator, type HttpTarget } from '../coordination/drivers/http/index.ts';

/** How a command finds the gateways: those of a data folder, or addresses given outright, with the account of the folder. */
export interface SiteOptions {
  data: string;
  gateway?: string[] | undefined;
  json: boolean;
}

/** A site's gateways, as the operator asks them. */
export interface Site {
  target: HttpTarget;
  caller: GatewaysCaller;
  coordinator: HttpCoordinator;
  /** Whose name stands in the ledger. */
  operator: string;
  dataDir: string;
}

export const DEPS = { clock: systemClock, random: systemRandom() };

/** Nothing is sent before the first call. Throws UNREACHABLE when no mesh has run in the folder. */
export function openSite({ data, gateway }: SiteOptions): Site {
  const dataDir = resolve(data);
  const { gateways, username, password } = loadEndpoints(dataDir);
  const target = { gateways: gateway ?? gateways.map(({ http }) => http), username, password };
  const caller = new GatewaysCaller(target, DEPS);
  return { target, caller, coordinator: new HttpCoordinator(caller), operator: username, dataDir };
}

/** Aborts on Ctrl-C and SIGTERM, for a command that then ends in good order. */
export function untilToldToEnd(): AbortSignal {
  const told = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => told.abort());
  process.stdout.on('error', () => told.abort());
  return told.signal;
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
