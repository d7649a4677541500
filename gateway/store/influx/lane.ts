import http from 'node:http';
import https from 'node:https';
import { InfluxDB, type ISingleHostConfig } from 'influx';
import type { StoreConfig } from '../target.ts';

/**
 * One connection to the server with a client of its own. The client cannot cancel a write, and waits for ever when an
 * answer breaks off after its header; destroying the lane's connection ends both.
 */
export class Lane {
  readonly client: InfluxDB;
  readonly #agent: http.Agent;

  constructor(config: StoreConfig) {
    const url = new URL(config.url);
    const isSecure = url.protocol === 'https:';
    this.#agent = new (isSecure ? https : http).Agent({ keepAlive: true, maxSockets: 1 });
    this.client = new InfluxDB({
      protocol: isSecure ? 'https' : 'http',
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port) || (isSecure ? 443 : 80),
      path: url.pathname.replace(/\/+$/, ''),
      database: config.database,
      ...(config.username === undefined ? {} : { username: config.username, password: config.password ?? '' }),
      options: { agent: this.#agent },
      pool: {
        requestTimeout: config.timeoutMs,
        // Retrying is the gateway's business: it has the points on disk.
        maxRetries: 0,
        backoff: NO_BACKOFF,
      },
    });
  }

  destroy(): void {
    this.#agent.destroy();
  }
}

type BackoffStrategy = NonNullable<NonNullable<ISingleHostConfig['pool']>['backoff']>;

/** A host that failed is not put aside: it is the only one, and a back-off would turn it away after it came back. */
const NO_BACKOFF: BackoffStrategy = { getDelay: () => 0, next: () => NO_BACKOFF, reset: () => NO_BACKOFF };
