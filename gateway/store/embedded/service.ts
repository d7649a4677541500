import type { AddressInfo } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { messageOf } from '../../../core/errors/index.ts';
import { Authenticator } from '../../../core/identity/index.ts';
import { listenError, type Service } from '../../../core/process/index.ts';
import { type Clock, repeat } from '../../../core/time/index.ts';
import type { StoreProcessConfig } from './config.ts';
import { openSqliteEngine } from './engine/index.ts';
import { buildStoreApp } from './http/index.ts';

export interface StoreService extends Service {
  detail: { url: string; db: string };
}

const NS_PER_HOUR = 3_600_000_000_000n;

/** Opens the files and listens. Throws DATA_LOCKED, PORT_TAKEN, DISK_FAILED. */
export async function startStore(
  config: StoreProcessConfig,
  deps: { clock: Clock; log: FastifyBaseLogger },
): Promise<StoreService> {
  const { clock, log } = deps;
  const { host, port } = config.listen;
  const { durationHours, checkIntervalMs } = config.retention;
  const engine = openSqliteEngine({ dataDir: config.dataDir, clock, limits: config.limits });
  const authenticator = new Authenticator({ accounts: config.accounts, siteKey: config.siteKey, clock });
  const app = buildStoreApp({ engine, authenticator, limits: config.limits, clock, site: config.site, log });
  try {
    engine.createDatabase(config.database);
    if (durationHours !== undefined) {
      const durationNs = BigInt(Math.round(durationHours * 3600)) * (NS_PER_HOUR / 3_600n);
      const policy = engine.database(config.database)?.defaultPolicy;
      if (policy !== undefined && policy.durationNs !== durationNs) {
        engine.alterPolicy(config.database, policy.name, { durationNs });
      }
    }
    await app.listen({ host, port });
  } catch (error) {
    await engine.close();
    throw listenError(error, host, port);
  }
  const expiry = repeat(clock, checkIntervalMs, () => {
    try {
      const points = engine.expire();
      if (points > 0) log.info({ points }, 'deleted points beyond retention');
    } catch (error) {
      log.error({ reason: messageOf(error) }, 'retention failed');
    }
  });
  const bound = (app.server.address() as AddressInfo).port;
  let stopped: Promise<void> | undefined;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  log.info({ url, db: config.database }, 'the store listens');
  return {
    detail: { url, db: config.database },
    stop() {
      expiry.cancel();
      stopped ??= app.close().then(() => engine.close());
      return stopped;
    },
  };
}
