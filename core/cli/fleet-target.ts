import { resolve } from 'node:path';
import { LatticeError } from '../errors/index.ts';
import { loadEndpoints, readSecrets } from '../mesh/index.ts';

/** Where a fleet connects to, and as whom: with the site's key each device has an account of its own. */
export interface FleetTarget {
  brokers: string[];
  site?: string;
  siteKey?: string;
}

/** Brokers given outright win over those of the mesh in the data folder. Throws UNREACHABLE when there is neither. */
export function fleetTarget(options: {
  data: string;
  broker?: string[];
  username?: string;
  site?: string;
}): FleetTarget {
  const dataDir = resolve(options.data);
  const siteKey = options.username === undefined ? readSecrets(dataDir)?.siteKey : undefined;
  if (options.broker !== undefined) {
    return { brokers: options.broker, ...(siteKey === undefined ? {} : { siteKey }) };
  }
  if (siteKey === undefined && options.username === undefined) {
    throw new LatticeError('UNREACHABLE', `No mesh has run in ${dataDir}.`);
  }
  const endpoints = loadEndpoints(dataDir);
  return {
    brokers: endpoints.brokers.map(({ host, port }) => `mqtt://${host}:${port}`),
    site: options.site ?? endpoints.site,
    ...(siteKey === undefined ? {} : { siteKey }),
  };
}
