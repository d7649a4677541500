import { z } from 'zod';
import { LatticeError } from '../errors/index.ts';
import type { Endpoints } from '../mesh/index.ts';
import { type ClockStatus, clockStatusSchema, type GatewayStatus, gatewayStatusSchema } from '../wire/index.ts';
import { fetchJson } from './fetch-json.ts';

const REQUEST_TIMEOUT_MS = 3_000;

type GatewayEndpoint = Endpoints['gateways'][number];

/** The status of a gateway. Throws UNREACHABLE. */
export async function gatewayStatus(endpoints: Endpoints, gateway: GatewayEndpoint): Promise<GatewayStatus> {
  return known(gateway, gatewayStatusSchema, await getJson(endpoints, `${gateway.http}/status`));
}

/** How the clock of a gateway goes; undefined when it takes no part, as one of an older version. Throws UNREACHABLE, AUTH_FAILED. */
export async function gatewayTime(endpoints: Endpoints, gateway: GatewayEndpoint): Promise<ClockStatus | undefined> {
  const found = await getJson(endpoints, `${gateway.http}/time`, { noneCode: 404 });
  return found === undefined ? undefined : known(gateway, clockStatusSchema, found);
}

/** What a gateway knows of one device; undefined when it knows nothing. Throws UNREACHABLE. */
export async function gatewayDevice(
  endpoints: Endpoints,
  gateway: GatewayEndpoint,
  device: string,
  timeoutMs = REQUEST_TIMEOUT_MS,
): Promise<{ metrics: Record<string, unknown> } | undefined> {
  const url = `${gateway.http}/devices/${endpoints.site}/${device}`;
  const found = await getJson(endpoints, url, { noneCode: 404, timeoutMs: Math.min(timeoutMs, REQUEST_TIMEOUT_MS) });
  return found === undefined ? undefined : z.object({ metrics: z.record(z.string(), z.unknown()) }).parse(found);
}

function known<T>({ id }: GatewayEndpoint, schema: z.ZodType<T>, body: unknown): T {
  const { data } = schema.safeParse(body);
  if (data === undefined) throw new LatticeError('UNREACHABLE', `${id} answers in a form that is not known here.`);
  return data;
}

/** GET with the operator's account; undefined for the one status code that stands for "none". */
async function getJson(
  endpoints: Endpoints,
  url: string,
  { noneCode, timeoutMs = REQUEST_TIMEOUT_MS }: { noneCode?: number; timeoutMs?: number } = {},
): Promise<unknown> {
  const { username, password } = endpoints;
  const { status, body } = await fetchJson(url, { username, password, timeoutMs, code: 'UNREACHABLE' });
  if (status === noneCode) return undefined;
  if (status === 401) throw new LatticeError('AUTH_FAILED', `${url} refused the operator's account.`);
  if (status !== 200) throw new LatticeError('UNREACHABLE', `${url} answered ${status}.`);
  return body;
}
