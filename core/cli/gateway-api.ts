import { z } from 'zod';
import { LatticeError, messageOf } from '../errors/index.ts';
import { basicAuthHeader } from '../identity/index.ts';
import type { Endpoints } from '../mesh/index.ts';
import { type GatewayStatus, gatewayStatusSchema, type ReadingAccount } from '../wire/index.ts';

const REQUEST_TIMEOUT_MS = 3_000;

type GatewayEndpoint = Endpoints['gateways'][number];

/** The status of a gateway. Throws UNREACHABLE. */
export async function gatewayStatus(endpoints: Endpoints, gateway: GatewayEndpoint): Promise<GatewayStatus> {
  return gatewayStatusSchema.parse(await getJson(endpoints, `${gateway.http}/status`));
}

/** What a gateway knows of one device; undefined when it knows nothing. */
export async function gatewayDevice(
  endpoints: Endpoints,
  gateway: GatewayEndpoint,
  device: string,
): Promise<{ metrics: Record<string, unknown> } | undefined> {
  const found = await getJson(endpoints, `${gateway.http}/devices/${endpoints.site}/${device}`, 404);
  return found === undefined ? undefined : z.object({ metrics: z.record(z.string(), z.unknown()) }).parse(found);
}

/** The sum of the gateways' accounts: each device belongs to one of them. */
export function sumAccounts(accounts: readonly ReadingAccount[]): ReadingAccount {
  const total: ReadingAccount = {
    sent: 0,
    stored: 0,
    buffered: 0,
    rejected: 0,
    dropped: 0,
    missing: 0,
    duplicates: 0,
    received: 0,
    refused: 0,
  };
  for (const account of accounts) {
    for (const key of Object.keys(total) as (keyof ReadingAccount)[]) total[key] += account[key];
  }
  return total;
}

/** GET with the operator's account; undefined for the one status code that stands for "none". */
async function getJson(endpoints: Endpoints, url: string, noneCode?: number): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { authorization: basicAuthHeader(endpoints.username, endpoints.password) },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (cause) {
    throw new LatticeError('UNREACHABLE', `${url}: ${messageOf(cause)}.`, { cause });
  }
  if (response.status === noneCode) return undefined;
  if (response.status === 401) throw new LatticeError('AUTH_FAILED', `${url} refused the operator's account.`);
  if (!response.ok) throw new LatticeError('UNREACHABLE', `${url} answered ${response.status}.`);
  return response.json();
}
