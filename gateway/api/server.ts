import Fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { letReadersIn, metricsPage } from '../../core/http/index.ts';
import type { Authenticator } from '../../core/identity/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { GatewayStatus } from '../../core/wire/index.ts';
import type { Agreement } from '../agreement/index.ts';
import { COORDINATION_PATH } from '../coordination/drivers/http/index.ts';
import type { DeviceEntry } from '../registry/index.ts';
import { coordinationRoutes } from './coordination/index.ts';
import { type Fleet, fleetRoutes } from './fleet.ts';
import { fillMetrics } from './metrics.ts';
import { type TimeService, timeRoutes } from './time.ts';

export interface ApiOptions {
  authenticator: Authenticator;
  status: () => Promise<GatewayStatus>;
  /** What anybody may ask at any rate, so it must cost next to nothing. */
  health: () => { id: string; brokerUp: boolean; storeUp: boolean };
  devices: () => Iterable<DeviceEntry>;
  device: (site: string, device: string) => DeviceEntry | undefined;
  /** How this gateway agrees with the others; undefined when it takes no part. */
  agreement: Agreement | undefined;
  clock: Clock;
  /** Puts more into the page for Prometheus. */
  fillMetrics?: (registry: Registry) => void;
  /** What devices of this and other sites are to do; left out where this gateway takes part in no agreement. */
  fleet?: Fleet | undefined;
  /** Left out where this gateway takes no part in the time of the mesh. */
  time?: TimeService | undefined;
}

/** Devices told at once. */
const DEVICES_MAX = 1_000;

/**
 * The gateway's HTTP API. /health is open; everything else wants HTTP Basic, and answers 401 without, or 429 with
 * Retry-After when there were too many wrong tries.
 */
export function createApi(options: ApiOptions): FastifyInstance {
  // A watcher that does not read must not keep a gateway from stopping.
  const app = Fastify({ logger: false, bodyLimit: 64 * 1024, forceCloseConnections: true });
  const metrics = metricsPage(async (registry) => {
    fillMetrics(registry, await options.status());
    options.fillMetrics?.(registry);
  });

  letReadersIn(app, options.authenticator, '/health');
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
  if (options.fleet !== undefined) void app.register(fleetRoutes(options.fleet), { prefix: '/v1/fleet' });
  void app.register(timeRoutes(options.time), { prefix: '/time' });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  void app.register(coordinationRoutes(options.agreement, options.clock), { prefix: COORDINATION_PATH });
  return app;
}
