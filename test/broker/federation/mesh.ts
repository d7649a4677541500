import { type Logger, pino } from 'pino';
import { afterEach } from 'vitest';
import {
  createFederation,
  type FederationConfig,
  type LinkAddress,
  type LinkFederation,
  type LinkLimits,
} from '../../../broker/federation/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { Bench, type FakeBroker } from './fake-broker.ts';

export const SITE_KEY = 'a site key of the tests';

/** Short times, so that a test waits little. */
export const QUICK: Partial<LinkLimits> = {
  keepAliveMs: 200,
  reconnectMsMin: 10,
  reconnectMsMax: 60,
  resendMs: 300,
  refreshMs: 1_000,
};

export interface LogLine {
  level: number;
  msg: string;
  peer?: string;
  node?: string;
  code?: string;
  reason?: string;
  state?: string;
}

/** A pino logger that keeps its lines. */
export function keptLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line) as LogLine) });
  return { log, lines };
}

/** For all tests of a file: what a test puts there is gone when it ends. */
export function newBench(): Bench {
  const bench = new Bench();
  afterEach(() => bench.close());
  return bench;
}

/** Where somebody listens on this machine; TCP unless said otherwise. */
export function at(port: number, { isTls = false, isWebSocket = false } = {}): LinkAddress {
  return { host: '127.0.0.1', port, isTls, isWebSocket, path: '/' };
}

export interface NodeOptions extends Partial<FederationConfig> {
  siteKey?: string;
  limits?: Partial<LinkLimits>;
  log?: Logger;
}

/** Starts the federation of one broker, listening on a port that the system chooses unless one is given. */
export async function federate(
  bench: Bench,
  broker: FakeBroker,
  { siteKey = SITE_KEY, limits, log = pino({ level: 'silent' }), ...config }: NodeOptions = {},
): Promise<LinkFederation> {
  const federation = createFederation({
    port: broker,
    config: { listen: at(0), peers: [], uplinks: [], acceptsLeaves: false, compresses: false, ...config },
    siteKey,
    clock: systemClock,
    random: seededRandom(broker.brokerId),
    log,
    limits: { ...QUICK, ...limits },
  });
  bench.onClose(() => federation.stop());
  await federation.start();
  return federation;
}

export function portOf(federation: LinkFederation): number {
  return federation.listening()?.port as number;
}

/** What a broker says of its link to a peer. */
export function linkOf(federation: LinkFederation, peer: string) {
  const state = federation.states().find((each) => each.peer === peer);
  if (state === undefined) throw new Error(`${federation.brokerId} has no link to ${peer}`);
  return state;
}

/** Resolves once every broker reaches every other. */
export async function linked(...federations: LinkFederation[]): Promise<void> {
  const ids = federations.map(({ brokerId }) => brokerId).sort();
  await eventually(() => {
    for (const federation of federations) {
      const reached = [federation.brokerId, ...federation.reachable()].sort();
      const missing = ids.filter((id) => !reached.includes(id));
      if (missing.length > 0) throw new Error(`${federation.brokerId} does not reach ${missing}`);
    }
  });
}

/** Resolves once no sender has anything left for another broker. */
export async function drained(...federations: LinkFederation[]): Promise<void> {
  await eventually(() => {
    for (const federation of federations) {
      for (const { to, backlogMessages } of federation.streams()) {
        if (backlogMessages !== 0)
          throw new Error(`${backlogMessages} messages of ${federation.brokerId} wait for ${to}`);
      }
    }
  }, 20_000);
}

/** Resolves once everybody routes by what the clients of these brokers have subscribed to. */
export async function interestKnown(...federations: LinkFederation[]): Promise<void> {
  const settled = await Promise.all(federations.map((federation) => federation.interestSettled(10_000)));
  if (settled.includes(false)) throw new Error('the subscriptions were not known everywhere within 10 s');
}

export interface MeshOptions extends NodeOptions {
  edges: readonly (readonly [string, string])[];
  /** Brokers by id that exist before the mesh; the others are made. */
  brokers?: Iterable<FakeBroker>;
}

/** Brokers over TCP, with a fault proxy in every link. */
export class Mesh {
  readonly brokers = new Map<string, FakeBroker>();
  readonly federations = new Map<string, LinkFederation>();
  readonly #proxies = new Map<string, FaultProxy>();

  /** Resolves when everybody reaches everybody. */
  static async start(bench: Bench, { edges, brokers = [], ...options }: MeshOptions): Promise<Mesh> {
    const mesh = new Mesh();
    for (const broker of brokers) mesh.brokers.set(broker.brokerId, broker);
    // Of two the smaller id dials, so the greater has to listen before.
    const ids = [...new Set(edges.flat())].sort().toReversed();
    for (const id of ids) {
      if (!mesh.brokers.has(id)) mesh.brokers.set(id, await bench.broker(id));
      const neighbours = edges.filter((edge) => edge.includes(id)).map(([a, b]) => (a === id ? b : a));
      const peers = [];
      for (const peer of neighbours) {
        if (peer < id) {
          peers.push({ id: peer });
          continue;
        }
        const proxy = await FaultProxy.open(portOf(mesh.federation(peer)), { seed: `${id}-${peer}` });
        bench.onClose(() => proxy.close());
        mesh.#proxies.set(`${id}-${peer}`, proxy);
        peers.push({ id: peer, address: at(proxy.port) });
      }
      mesh.federations.set(id, await federate(bench, mesh.broker(id), { ...options, peers }));
    }
    await linked(...mesh.federations.values());
    return mesh;
  }

  broker(id: string): FakeBroker {
    return this.brokers.get(id) as FakeBroker;
  }

  federation(id: string): LinkFederation {
    return this.federations.get(id) as LinkFederation;
  }

  proxy(a: string, b: string): FaultProxy {
    return this.#proxies.get([a, b].sort().join('-')) as FaultProxy;
  }

  /** Everybody subscribes; resolves when everybody knows. */
  async subscribe(filter: string): Promise<void> {
    for (const broker of this.brokers.values()) broker.subscribe(filter);
    await interestKnown(...this.federations.values());
  }
}

/** Two brokers; a dials b through the proxy. */
export async function pair(bench: Bench, options: NodeOptions = {}) {
  const mesh = await Mesh.start(bench, { edges: [['a', 'b']], ...options });
  return {
    a: mesh.broker('a'),
    b: mesh.broker('b'),
    fa: mesh.federation('a'),
    fb: mesh.federation('b'),
    proxy: mesh.proxy('a', 'b'),
  };
}
