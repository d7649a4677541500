import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { basicAuthHeader, derivedPassword } from '../../../core/identity/index.ts';
import type { BrokerHealth, GatewayStatus, ReadingAccount } from '../../../core/wire/index.ts';

export const SITE = 'home';
export const SITE_KEY = 'a-site-key-for-tests-only';

export interface TestBroker {
  id: string;
  host: string;
  port: number;
  publish(topic: string, payload: unknown, retain?: boolean): Promise<void>;
  /** Ends the broker as a crash would: every connection is cut. */
  kill(): Promise<void>;
}

/** A real broker that lets only the console in. */
export async function startBroker(id: string, port = 0): Promise<TestBroker> {
  const aedes = await Aedes.createBroker({
    authenticate: (_client, username, password, done) => {
      const expected = derivedPassword(SITE_KEY, 'console', 'console');
      done(null, username === 'console' && password?.toString() === expected);
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    id,
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    publish: (topic, payload, retain = false) =>
      new Promise((resolve, reject) => {
        const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
        const packet = { cmd: 'publish', topic, payload: text, qos: 0, retain, dup: false } as const;
        aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
      }),
    async kill() {
      if (!server.listening) return;
      for (const socket of sockets) socket.destroy();
      server.close();
      await new Promise<void>((resolve) => aedes.close(resolve));
    },
  };
}

export function brokerHealth(node: string, peers: string[], fields: Partial<BrokerHealth> = {}): BrokerHealth {
  return {
    kind: 'broker',
    node,
    atMs: Date.now(),
    uptimeS: 4_210,
    rssBytes: 92_000_000,
    connections: 14,
    sessions: 26,
    subscriptions: 31,
    retained: 52,
    publishedTotal: 120_000,
    deliveredTotal: 350_000,
    refusedTotal: 3,
    droppedTotal: 0,
    queued: 0,
    journalBytes: 1_200_000,
    commitP99Ms: 3.2,
    urls: [],
    weight: 0.9,
    isDraining: false,
    links: peers.map((peer) => ({
      peer,
      state: 'up',
      roundTripMs: 0.8,
      backlogMessages: 0,
      backlogBytes: 0,
      backlogAgeMs: 0,
      interestLag: 0,
      sent: 1_200,
      received: 1_190,
      forwarded: 0,
      duplicates: 0,
      dropped: 0,
      droppedBy: {},
      resends: 0,
      bytesSent: 250_000,
      bytesReceived: 248_000,
      creditBytes: 4_194_304,
      queuedBytes: 0,
      retainedHealed: 0,
    })),
    streams: peers.map((to) => ({
      to,
      isReachable: true,
      path: [to],
      backlogMessages: 0,
      backlogBytes: 0,
      backlogAgeMs: 0,
      interestLag: 0,
      dropped: 0,
      droppedBy: {},
    })),
    bridges: [],
    ...fields,
  };
}

export interface TestGateway {
  id: string;
  http: string;
  account: ReadingAccount;
  /** How it agrees with the others; part of its next status. */
  agreement: GatewayStatus['agreement'];
  /** How its clock goes; part of its next status. */
  time: GatewayStatus['time'];
  stop(): Promise<void>;
}

/** A gateway's status over real HTTP, with the password that a gateway asks for. */
export async function startGateway(id: string, account: Partial<ReadingAccount> = {}): Promise<TestGateway> {
  const full: ReadingAccount = {
    sent: 1_000,
    stored: 990,
    buffered: 10,
    dropped: 0,
    missing: 0,
    rejected: 0,
    lost: 0,
    unnumbered: 0,
    duplicates: 4,
    received: 1_004,
    refused: 0,
    ...account,
  };
  const expected = basicAuthHeader('console', derivedPassword(SITE_KEY, 'console', 'console'));
  const server = createHttpServer((request, response) => {
    if (request.url !== '/status' || request.headers.authorization !== expected) {
      response.writeHead(401).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    const status: GatewayStatus = {
      id,
      site: SITE,
      uptimeS: 4_200,
      brokerUp: true,
      storeUp: true,
      store: 'test',
      devices: 9,
      shards: Array.from({ length: 22 }, (_, shard) => shard),
      account: full,
      buffer: { readings: full.buffered, bytes: full.buffered * 140, lostPositions: 0 },
      latencyMs: { p50: 18, p99: 74 },
      ...(gateway.agreement && { agreement: gateway.agreement }),
      ...(gateway.time && { time: gateway.time }),
    };
    response.end(JSON.stringify(status));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gateway: TestGateway = {
    id,
    http: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    account: full,
    agreement: undefined,
    time: undefined,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return gateway;
}
