import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Authenticator } from '../../../../core/identity/index.ts';
import type { Clock } from '../../../../core/time/index.ts';
import type { StoreLimits } from '../config.ts';
import type { Engine } from '../engine/index.ts';
import { messageFor, sendError, statusOf } from './errors.ts';
import { queryRoutes } from './query.ts';
import { writeRoutes } from './write.ts';

export interface StoreAppDeps {
  engine: Engine;
  authenticator: Authenticator;
  limits: StoreLimits;
  clock: Clock;
  site: string;
  log: FastifyBaseLogger;
}

/** The version of InfluxDB whose API this is; Grafana and the npm client look at it. */
const INFLUXDB_VERSION = '1.8.10';

/** The InfluxDB 1.x HTTP API over an engine. https://docs.influxdata.com/influxdb/v1/tools/api/ */
export function buildStoreApp(deps: StoreAppDeps): FastifyInstance {
  const app = Fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: deps.limits.bodyBytesMax,
    genReqId: () => randomUUID(),
    forceCloseConnections: true,
  });
  // Clients label line protocol with whatever they like (curl calls it a form), so every body is taken as bytes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', async (request, reply) => {
    reply
      .header('x-influxdb-version', INFLUXDB_VERSION)
      .header('x-influxdb-build', 'Lattice')
      .header('request-id', request.id);
  });
  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error);
    if (status >= 500) request.log.error({ err: error }, 'a request failed');
    sendError(reply, status, messageFor(error));
  });
  app.setNotFoundHandler((_request, reply) => sendError(reply, 404, 'not found'));

  app.get('/ping', (_request, reply) => reply.code(204).send());
  app.get('/health', (_request, reply) =>
    reply.send({
      status: 'pass',
      name: 'lattice-store',
      site: deps.site,
      version: INFLUXDB_VERSION,
      ...deps.engine.stats(),
    }),
  );
  writeRoutes(app, deps);
  queryRoutes(app, deps);
  return app;
}
