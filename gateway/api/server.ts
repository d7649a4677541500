import Fastify, { type FastifyInstance } from 'fastify';
import { ERROR_CODES } from '../../core/errors/index.ts';
import { type Authenticator, parseBasicAuth, type Role } from '../../core/identity/index.ts';
import type { GatewayStatus } from '../../core/wire/index.ts';
import type { DeviceEntry } from '../registry/index.ts';
import { statusMetrics } from './metrics.ts';

export interface ApiOptions {
  authenticator: Authenticator;
  status: () => GatewayStatus;
  devices: () => Iterable<DeviceEntry>;
  device: (site: string, device: string) => DeviceEntry | undefined;
}

/** Devices told at once. */
const DEVICES_MAX = 1_000;
/** Who may read a gateway's state: people, the console, and other gateways. A device has no business here. */
const READERS: ReadonlySet<Role> = new Set(['operator', 'reader', 'console', 'gateway']);

/** The gateway's HTTP API. /health is open; everything else wants HTTP Basic. */
export function createApi(options: ApiOptions): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: 64 * 1024 });
  const metrics = statusMetrics(options.status);

  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url === '/health') return;
    const credentials = parseBasicAuth(request.headers.authorization);
    const identity = credentials && (await options.authenticator.verify(credentials.username, credentials.password));
    if (identity === undefined || !READERS.has(identity.role)) {
      const code = credentials === undefined ? 'AUTH_REQUIRED' : 'AUTH_FAILED';
      await reply
        .code(401)
        .header('www-authenticate', 'Basic realm="lattice"')
        .send({ code, ...ERROR_CODES[code] });
    }
  });

  app.get('/health', () => {
    const { id, brokerUp, storeUp } = options.status();
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
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
  return app;
}
