import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveEndpoints } from '../../../core/mesh/index.ts';
import { type GatewayStatus, sumAccounts } from '../../../core/wire/index.ts';

type Time = GatewayStatus['time'];

/** A status without anything remarkable. */
export function plainStatus(id: string, time?: Time): GatewayStatus {
  return {
    id,
    site: 'home',
    uptimeS: 1,
    brokerUp: true,
    storeUp: true,
    store: 'fake',
    shards: [],
    devices: 0,
    account: sumAccounts([]),
    buffer: { readings: 0, bytes: 0, lostPositions: 0 },
    latencyMs: { p50: 1, p99: 2 },
    ...(time && { time }),
  };
}

/** Gateways that tell made-up clocks over HTTP, and a data folder that names them. */
export class FakeGateways {
  readonly data: string;
  /** What GET /time and GET /status answer, by gateway; undefined: it takes no part. */
  readonly times: Map<string, () => Time>;
  readonly #servers = new Map<string, Server>();

  private constructor(data: string, times: Map<string, () => Time>) {
    this.data = data;
    this.times = times;
  }

  static async start(times: Record<string, () => Time>): Promise<FakeGateways> {
    const data = await mkdtemp(join(tmpdir(), 'lattice-clocks-'));
    const fake = new FakeGateways(data, new Map(Object.entries(times)));
    const gateways = await Promise.all(
      [...fake.times.keys()].map(async (id) => ({ id, http: await fake.#serve(id), pid: 0 })),
    );
    await saveEndpoints(data, {
      ready: true,
      brokers: [],
      gateways,
      store: { url: 'http://127.0.0.1:1', db: 'lattice', pid: 0 },
      console: '',
      username: 'operator',
      password: 'right',
      site: 'home',
      dataDir: data,
    });
    return fake;
  }

  async kill(id: string): Promise<void> {
    const server = this.#servers.get(id);
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    this.#servers.delete(id);
  }

  async stop(): Promise<void> {
    for (const id of [...this.#servers.keys()]) await this.kill(id);
    await rm(this.data, { recursive: true });
  }

  async #serve(id: string): Promise<string> {
    const server = createServer(({ url }, response) => {
      const time = this.times.get(id)?.();
      const answer = url === '/time' ? time : url === '/status' ? plainStatus(id, time) : undefined;
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { code: 'NOT_FOUND' }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.set(id, server);
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
}
