import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { Authenticator, derivedPassword } from '../../core/identity/index.ts';
import { listenError, type Service } from '../../core/process/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { ConsoleConfig } from './config.ts';
import { BrokerFeed } from './feed/brokers.ts';
import { Poller } from './feed/poller.ts';
import { StoreReader } from './feed/store.ts';
import { Login } from './http/login.ts';
import { consoleServer } from './http/server.ts';
import { Sessions } from './http/sessions.ts';
import { type MeshEvent, MeshModel } from './model/mesh-model.ts';

/**
 * Starts a console: feeds, model and server wired together. Resolves once it listens; the parts of the mesh need not be
 * there yet. Rejects with PORT_TAKEN. The service's detail is { url }.
 */
export async function startConsole(config: ConsoleConfig, ports: { clock: Clock; log: Logger }): Promise<Service> {
  const { site, siteKey, listen } = config;
  const { clock, log } = ports;
  const password = derivedPassword(siteKey, 'console', 'console');
  const model = new MeshModel({
    site,
    brokers: config.brokers.map(({ id, host, port }) => ({ id, address: `${host}:${port}` })),
    gateways: config.gateways.map(({ id, http }) => ({ id, address: new URL(http).host })),
    storeAddress: new URL(config.store.url).host,
  });
  const apply = (event: MeshEvent): void =>
    model.apply(event, { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() });

  const store = new StoreReader({
    url: config.store.url,
    database: config.store.database,
    username: config.store.username ?? 'console',
    password: config.store.password ?? password,
  });
  const feed = new BrokerFeed({
    site,
    brokers: config.brokers,
    password,
    clock,
    events: {
      connection(id, up) {
        log.info({ broker: id, up }, 'broker connection');
        apply({ type: 'brokerConnection', id, up });
      },
      listeningTo: (id) => apply({ type: 'listeningTo', id }),
      message: (topic, payload) => apply({ type: 'message', topic, payload }),
      fault: (id, reason) => log.debug({ broker: id, reason }, 'broker fault'),
    },
  });
  const poller = new Poller({
    clock,
    gateways: config.gateways,
    store,
    password,
    events: {
      gateway: (id, status) => apply({ type: 'gatewayStatus', id, status }),
      store: (up, roundTripMs) => apply({ type: 'storeProbe', up, roundTripMs }),
    },
  });

  const sessions = new Sessions({ siteKey, clock });
  const login = new Login({
    authenticator: new Authenticator({ accounts: config.accounts, siteKey, clock }),
    sessions,
    accessToken: config.accessToken,
  });
  const { app, streams } = consoleServer({ site, names: namesOf(listen), model, store, login, sessions, clock, log });
  try {
    await app.listen({ host: listen.host, port: listen.port });
  } catch (error) {
    throw listenError(error, listen.host, listen.port);
  }
  streams.start();
  feed.start();
  poller.start();
  const { port } = app.server.address() as AddressInfo;
  const url = `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`;
  log.info({ url }, 'console listens');
  return {
    detail: { url },
    async stop() {
      poller.stop();
      streams.stop();
      await Promise.all([feed.stop(), app.close()]);
    },
  };
}

/** A wildcard address is no name that anybody comes by. */
function namesOf({ host, names }: ConsoleConfig['listen']): string[] {
  return ['0.0.0.0', '::'].includes(host) ? names : [...names, host.includes(':') ? `[${host}]` : host];
}
