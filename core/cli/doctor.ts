import { randomBytes } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import { codeOf, LatticeError, messageOf } from '../errors/index.ts';
import type { Endpoints } from '../mesh/index.ts';
import { type Clock, delay } from '../time/index.ts';
import { MEASUREMENTS, meshTopic, PROBE_DEVICE_PREFIX, shardOf, shardPreference } from '../wire/index.ts';
import { connectToBroker } from './connection.ts';
import { gatewayDevice } from './gateway-api.ts';
import { queryStore, type Series } from './store-query.ts';

/** The hops of a reading, in order; a probe that fails names the first that it did not pass. */
export const HOPS = ['broker', 'rights', 'link', 'gateway', 'store', 'dashboard query'] as const;
export type Hop = (typeof HOPS)[number];

export interface ProbeResult {
  broker: string;
  gateway: string;
  ok: boolean;
  /** Where it stopped, and why. */
  hop?: Hop;
  code?: string;
  reason?: string;
  tookMs: number;
}

const POLL_MS = 50;
const SEND_AGAIN_MS = 250;

class HopFailure extends Error {
  readonly hop: Hop;
  readonly code: string;

  constructor(hop: Hop, cause: unknown) {
    super(messageOf(cause), { cause });
    this.hop = hop;
    this.code = codeOf(cause);
  }
}

/** Sends one marked reading over every path, from each broker by each gateway to the store, all at once. */
export async function probePaths(endpoints: Endpoints, clock: Clock, timeoutMs: number): Promise<ProbeResult[]> {
  const members = endpoints.gateways.map(({ id }) => id);
  return Promise.all(
    endpoints.brokers.flatMap((broker) =>
      endpoints.gateways.map(async (gateway): Promise<ProbeResult> => {
        const startedMs = clock.monotonicMs();
        const path = { broker: broker.id, gateway: gateway.id };
        const device = probeDevice(endpoints.site, broker.id, gateway.id, members);
        try {
          await new Probe(endpoints, device, gateway, clock, startedMs + timeoutMs).run(broker);
          return { ...path, ok: true, tookMs: clock.monotonicMs() - startedMs };
        } catch (error) {
          if (!(error instanceof HopFailure)) throw error;
          const { hop, code, message: reason } = error;
          return { ...path, ok: false, hop, code, reason, tookMs: clock.monotonicMs() - startedMs };
        }
      }),
    ),
  );
}

/** What to tell a person of a path that is not open; undefined for one that is. */
export function warningOf({ broker, gateway, ok, hop, reason }: ProbeResult): string | undefined {
  if (ok) return undefined;
  const where = `A probe from ${broker} by ${gateway} stopped at "${hop}"`;
  return `${where} (${reason?.replace(/\.$/, '')}); readings wait on disk until it opens.`;
}

/** A device name that the gateway owns: names are tried until the hash falls on one of its shards. */
function probeDevice(site: string, broker: string, gateway: string, members: readonly string[]): string {
  for (let n = 1; ; n++) {
    const device = `${PROBE_DEVICE_PREFIX}${broker}-${n}`;
    if (shardPreference(shardOf(site, device), members)[0] === gateway) return device;
  }
}

class Probe {
  readonly #endpoints: Endpoints;
  readonly #device: string;
  readonly #gateway: Endpoints['gateways'][number];
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  /** What tells this reading from those of earlier probes: 32 bits, exact as a float. */
  readonly #mark = randomBytes(4).readUInt32LE();
  readonly #stampMs: number;

  constructor(
    endpoints: Endpoints,
    device: string,
    gateway: Endpoints['gateways'][number],
    clock: Clock,
    deadlineMs: number,
  ) {
    this.#endpoints = endpoints;
    this.#device = device;
    this.#gateway = gateway;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#stampMs = Math.round(clock.wallMs());
  }

  async run(from: Endpoints['brokers'][number]): Promise<void> {
    const clients: MqttClient[] = [];
    try {
      const sender = await this.#hop('broker', () => this.#connect(from, clients));
      const others = this.#endpoints.brokers.filter(({ id }) => id !== from.id);
      const topic = meshTopic(this.#endpoints.site, this.#device, 'state');
      // The link is seen by subscribing at the others; one that does not even answer counts as the link's fault.
      const arrivals = await this.#hop('link', () =>
        Promise.all(others.map(async (other) => this.#awaitArrival(await this.#connect(other, clients), topic))),
      );
      await this.#hop('rights', () => this.#publish(sender, topic));
      await this.#hop('gateway', () => this.#until('It has not come', () => this.#isAtGateway()));
      await this.#hop('store', () => this.#until('It is not there', () => this.#isInStore()));
      await this.#hop('dashboard query', () => this.#until('No data', () => this.#isOnDashboard()));
      await this.#hop('link', () => this.#awaitAtOthers(arrivals, () => this.#publish(sender, topic)));
    } finally {
      await Promise.allSettled(clients.map((client) => client.endAsync(true)));
    }
  }

  async #hop<T>(hop: Hop, pass: () => Promise<T>): Promise<T> {
    try {
      return await pass();
    } catch (error) {
      throw new HopFailure(hop, error);
    }
  }

  async #connect(broker: Endpoints['brokers'][number], clients: MqttClient[]): Promise<MqttClient> {
    const client = await this.#inTime(
      `${broker.id} at ${broker.host}:${broker.port} does not answer`,
      connectToBroker(this.#endpoints, broker),
    );
    clients.push(client);
    return client;
  }

  /** Subscribed on return. `arrived` resolves when the marked reading comes; in an object, lest `await` waits for it too. */
  async #awaitArrival(client: MqttClient, topic: string): Promise<{ arrived: Promise<void> }> {
    const arrived = new Promise<void>((resolve) => {
      client.on('message', (_topic, payload) => {
        if (payload.toString().includes(`"probe":${this.#mark}`)) resolve();
      });
    });
    await this.#inTime('No answer to a subscription', client.subscribeAsync(topic, { qos: 1 }));
    return { arrived };
  }

  /**
   * The first reading may have passed the link before the other broker's interest did, so it is sent again while it has not
   * come: the same point, which the store has already.
   */
  async #awaitAtOthers(arrivals: { arrived: Promise<void> }[], sendAgain: () => Promise<void>): Promise<void> {
    let isEverywhere = false;
    const everywhere = Promise.all(arrivals.map(({ arrived }) => arrived)).then(() => {
      isEverywhere = true;
    });
    await this.#until('It has not come to the other broker', async () => {
      await Promise.race([everywhere, delay(this.#clock, SEND_AGAIN_MS)]);
      if (!isEverywhere) await sendAgain();
      return isEverywhere;
    });
  }

  async #publish(sender: MqttClient, topic: string): Promise<void> {
    const payload = JSON.stringify({ ts: this.#stampMs, tq: 'sync', probe: this.#mark });
    await this.#inTime('No acknowledgement', sender.publishAsync(topic, payload, { qos: 1 }));
  }

  async #isAtGateway(): Promise<boolean> {
    const device = await gatewayDevice(this.#endpoints, this.#gateway, this.#device, this.#leftMs());
    return device?.metrics['probe'] === this.#mark;
  }

  async #isInStore(): Promise<boolean> {
    const statement = `SELECT "probe" FROM "${MEASUREMENTS.probe}" WHERE "device" = '${this.#device}' ORDER BY time DESC LIMIT 5`;
    return hasMark(await queryStore(this.#endpoints, statement, this.#leftMs()), this.#mark);
  }

  async #isOnDashboard(): Promise<boolean> {
    const statement = dashboardStatement(this.#device, this.#mark);
    return hasMark(await queryStore(this.#endpoints, statement, this.#leftMs()), this.#mark);
  }

  #leftMs(): number {
    return Math.max(1, this.#deadlineMs - this.#clock.monotonicMs());
  }

  async #until(fault: string, check: () => Promise<boolean>): Promise<void> {
    for (;;) {
      if (await check()) return;
      if (this.#clock.monotonicMs() > this.#deadlineMs) throw new LatticeError('UNREACHABLE', `${fault} in time.`);
      await delay(this.#clock, POLL_MS);
    }
  }

  async #inTime<T>(fault: string, promise: Promise<T>): Promise<T> {
    const done = new AbortController();
    const late = delay(this.#clock, this.#leftMs(), done.signal).then(() => {
      if (!done.signal.aborted) throw new LatticeError('UNREACHABLE', `${fault} in time.`);
    });
    try {
      return (await Promise.race([promise, late])) as T;
    } finally {
      done.abort();
    }
  }
}

/**
 * The form of a panel's query. It asks for this mark alone: other probes of this device, of now or of a minute ago, would
 * stand in for it otherwise. 15 minutes are more than a probe may take.
 */
export function dashboardStatement(device: string, mark: number): string {
  return (
    `SELECT max("probe") FROM "${MEASUREMENTS.probe}" WHERE "device" = '${device}' AND "probe" = ${mark} ` +
    'AND time > now() - 15m GROUP BY time(10s), "device" fill(none)'
  );
}

export function hasMark(series: readonly Series[], mark: number): boolean {
  return series.some(({ values }) => values.some((row) => row[1] === mark));
}
