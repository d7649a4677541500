import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { ERROR_CODES, type ErrorCode } from '../../core/errors/index.ts';
import { type Authenticator, parseBasicAuth, type Role } from '../../core/identity/index.ts';
import type { GatewayStatus } from '../../core/wire/index.ts';
import type { DeviceEntry } from '../registry/index.ts';
import { metricsPage } from './metrics.ts';

export interface ApiOptions {
  authenticator: Authenticator;
  status: () => GatewayStatus;
  /** What anybody may ask at any rate, so it must cost next to nothing. */
  health: () => { id: string; brokerUp: boolean; storeUp: boolean };
  devices: () => Iterable<DeviceEntry>;
  device: (site: string, device: string) => DeviceEntry | undefined;
}

/** Devices told at once. */
const DEVICES_MAX = 1_000;
/** Who may read a gateway's state: people, the console, and other gateways. A device has no business here. */
const READERS: ReadonlySet<Role> = new Set(['operator', 'reader', 'console', 'gateway']);

/**
 * The gateway's HTTP API. /health is open; everything else wants HTTP Basic, and answers 401 without, or 429 with
 * Retry-After when there were too many wrong tries.
 */
export function createApi(options: ApiOptions): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: 64 * 1024 });
  const metrics = metricsPage(options.status);

  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url === '/health') return;
    const credentials = parseBasicAuth(request.headers.authorization);
    if (credentials === undefined) return refuse(reply, 401, 'AUTH_REQUIRED');
    const result = await options.authenticator.login({ address: request.ip, ...credentials });
    if (result.outcome === 'throttled') {
      return refuse(reply.header('retry-after', result.retryAfterS), 429, 'AUTH_THROTTLED');
    }
    if (result.outcome === 'wrong' || !READERS.has(result.identity.role)) return refuse(reply, 401, 'AUTH_FAILED');
    return undefined;
  });

  app.get('/health', () => {
    const { id, brokerUp, storeUp } = options.health();
    return { id, ok: brokerUp && storeUp, brokerUp, storeUp };
  });
  app.get('/status', () => options.status());
  app.get('/devices', () => [...options.devices()].slice(-DEVICES_MAX).reverse());
  app.get<{ Params: { site: string; device: string } }>('/devices/:site/:device', async (request, reply) => {
    const { site, device } = request.params;
    const entry = options.device(site, device);
    return (
      entry ?? reply.code(404).send({ code: 'NOT_FOUND', what: `This gateway knows no device ${site}/${device}.` })
    );
  });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  return app;
}

function refuse(reply: FastifyReply, status: 401 | 429, code: ErrorCode): FastifyReply {
  if (status === 401) reply.header('www-authenticate', 'Basic realm="lattice"');
  return reply.code(status).send({ code, ...ERROR_CODES[code] });
}
