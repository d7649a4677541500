import {
  type BrokerHealth,
  type ClockStatus,
  deadLetterSchema,
  deviceMetaSchema,
  type GatewayStatus,
  HEALTH_INTERVAL_MS,
  healthSchema,
  isProbe,
  parseMeshTopic,
  parseReading,
} from '../../../core/wire/index.ts';
import { DeadLetterList } from './dead-letters.ts';
import { DeviceTable, type Instant } from './devices.ts';
import { Overdue } from './overdue.ts';
import { accountOf, stateInWords } from './overview.ts';
import { CounterRate } from './rates.ts';
import { timeOf } from './time.ts';
import type { BrokerRow, GatewayRow, Overview, StoreRow } from './types.ts';

/** Everything that can happen to the model. */
export type MeshEvent =
  | { type: 'message'; topic: string; payload: Uint8Array }
  | { type: 'brokerConnection'; id: string; up: boolean }
  | { type: 'listeningTo'; id: string | null }
  | { type: 'gatewayStatus'; id: string; status: GatewayStatus | undefined }
  | { type: 'storeProbe'; up: boolean; roundTripMs: number | null };

interface Broker {
  id: string;
  address: string;
  connection: 'up' | 'down' | undefined;
  health: BrokerHealth | undefined;
  healthAtMs: number;
  rate: CounterRate;
  publishedPerS: number | null;
}

interface Gateway {
  row: GatewayRow;
  rate: CounterRate;
  /** How its clock goes; undefined while it does not answer or takes no part. */
  time?: ClockStatus | undefined;
}

/** Health that is older than this says nothing about now. */
const HEALTH_STALE_MS = 3 * HEALTH_INTERVAL_MS;
/** Brokers that are not in the configuration but speak in the mesh; more than these are not shown. */
const BROKERS_MAX = 64;

/**
 * The state of a mesh, folded from what the brokers publish and what the parts answer. No I/O and no clock: each event
 * comes with its instant, so a recorded run replays exactly.
 */
export class MeshModel {
  readonly devices = new DeviceTable();
  readonly #site: string;
  readonly #brokers = new Map<string, Broker>();
  readonly #gateways = new Map<string, Gateway>();
  readonly #deadLetters = new DeadLetterList();
  #store: StoreRow;
  #listeningTo: string | null = null;
  #unreadable = 0;
  readonly #missing = new Overdue();

  constructor(options: {
    site: string;
    brokers: readonly { id: string; address: string }[];
    gateways: readonly { id: string; address: string }[];
    storeAddress: string;
  }) {
    this.#site = options.site;
    for (const { id, address } of options.brokers) this.#brokers.set(id, newBroker(id, address));
    for (const { id, address } of options.gateways) {
      this.#gateways.set(id, { row: { id, address, state: 'unknown', status: null }, rate: new CounterRate() });
    }
    this.#store = { address: options.storeAddress, state: 'unknown', roundTripMs: null };
  }

  apply(event: MeshEvent, now: Instant): void {
    switch (event.type) {
      case 'message':
        this.#message(event.topic, event.payload, now);
        return;
      case 'brokerConnection': {
        const broker = this.#brokers.get(event.id);
        if (broker !== undefined) broker.connection = event.up ? 'up' : 'down';
        return;
      }
      case 'listeningTo':
        this.#listeningTo = event.id;
        return;
      case 'gatewayStatus':
        this.#gatewayStatus(event.id, event.status, now);
        return;
      case 'storeProbe':
        this.#store = { ...this.#store, state: event.up ? 'up' : 'down', roundTripMs: event.roundTripMs };
        return;
    }
  }

  overview(now: Instant): Overview {
    const brokers = [...this.#brokers.values()].map((broker) => brokerRow(broker, now));
    const gateways = [...this.#gateways.values()].map((gateway) => gateway.row);
    const parts = {
      site: this.#site,
      devices: this.devices.counts(now),
      readingsPerS: this.devices.readingsPerS(now),
      unreadable: this.#unreadable,
      listeningTo: this.#listeningTo,
      brokers,
      gateways,
      time: timeOf([...this.#gateways].map(([id, { time }]) => ({ id, time }))),
      store: this.#store,
      account: accountOf(gateways, this.#missing.count(now.monotonicMs)),
      deadLetters: this.#deadLetters.snapshot(),
    };
    return { ...parts, ...stateInWords(parts) };
  }

  #message(topic: string, payload: Uint8Array, now: Instant): void {
    const parsed = parseMeshTopic(topic);
    if (parsed === undefined || parsed.site !== this.#site || isProbe(parsed.device)) return;
    try {
      switch (parsed.kind) {
        case 'state':
          this.devices.reading(parsed.device, parseReading(payload, now.wallMs), now);
          return;
        case 'meta':
          this.devices.meta(parsed.device, deviceMetaSchema.parse(jsonOf(payload)), now);
          return;
        case 'availability':
          this.#availability(parsed.device, Buffer.from(payload).toString('utf8'), now);
          return;
        case 'health':
          this.#health(jsonOf(payload), now);
          return;
        case 'deadletter':
          this.#deadLetters.add(parsed.device, deadLetterSchema.parse(jsonOf(payload)));
          return;
        case 'gap':
        case 'linkgap':
        case 'cmd':
        case 'reply':
        case 'time':
        case 'now':
          return;
      }
    } catch {
      // Gateways write the dead letter that tells the sender; the console only shows that there was something.
      this.#unreadable++;
    }
  }

  #availability(id: string, text: string, now: Instant): void {
    // A broker or a gateway may say that it is there, but it is no device.
    if (this.#brokers.has(id) || this.#gateways.has(id)) return;
    if (text === 'online' || text === 'offline') this.devices.availability(id, text, now);
    else if (text !== '') this.#unreadable++;
  }

  #health(json: unknown, now: Instant): void {
    const health = healthSchema.parse(json);
    // A gateway's status, asked over HTTP, says more than its health.
    if (health.kind === 'gateway') return;
    let broker = this.#brokers.get(health.node);
    if (broker === undefined) {
      if (this.#brokers.size >= BROKERS_MAX) return;
      broker = newBroker(health.node, '');
      this.#brokers.set(health.node, broker);
    }
    broker.health = health;
    broker.healthAtMs = now.monotonicMs;
    broker.publishedPerS = broker.rate.update(health.publishedTotal, health.atMs);
  }

  #gatewayStatus(id: string, status: GatewayStatus | undefined, now: Instant): void {
    const gateway = this.#gateways.get(id);
    if (gateway === undefined) return;
    if (status === undefined) {
      gateway.row = { ...gateway.row, state: 'down' };
      gateway.time = undefined;
      return;
    }
    gateway.row = {
      ...gateway.row,
      state: 'up',
      status: {
        uptimeS: status.uptimeS,
        brokerUp: status.brokerUp,
        storeUp: status.storeUp,
        shards: status.shards.length,
        storedPerS: gateway.rate.update(status.account.stored, now.monotonicMs),
        bufferReadings: status.buffer.readings,
        bufferBytes: status.buffer.bytes,
        latencyP50Ms: status.latencyMs.p50,
        latencyP99Ms: status.latencyMs.p99,
        account: status.account,
        agreement: status.agreement ?? null,
      },
    };
    gateway.time = status.time;
    const missing = [...this.#gateways.values()].reduce((sum, { row }) => sum + (row.status?.account.missing ?? 0), 0);
    this.#missing.add(missing, now.monotonicMs);
  }
}

function newBroker(id: string, address: string): Broker {
  return {
    id,
    address,
    connection: undefined,
    health: undefined,
    healthAtMs: Number.NEGATIVE_INFINITY,
    rate: new CounterRate(),
    publishedPerS: null,
  };
}

function brokerRow(broker: Broker, now: Instant): BrokerRow {
  const fresh = now.monotonicMs - broker.healthAtMs < HEALTH_STALE_MS;
  const { health } = broker;
  // Our own connection is the quicker witness; health is all there is for a broker that we do not connect to.
  const state = broker.connection ?? (fresh ? 'up' : health === undefined ? 'unknown' : 'down');
  return {
    id: broker.id,
    address: broker.address,
    state,
    health:
      health === undefined
        ? null
        : {
            uptimeS: health.uptimeS,
            rssBytes: health.rssBytes,
            connections: health.connections,
            retained: health.retained,
            queued: health.queued,
            refusedTotal: health.refusedTotal,
            commitP99Ms: health.commitP99Ms,
            publishedPerS: fresh ? broker.publishedPerS : null,
            isDraining: health.isDraining,
          },
    links: (health?.links ?? []).map((link) => ({
      peer: link.peer,
      // What a broker said before it went is no longer so.
      state: fresh && state === 'up' ? link.state : 'down',
      roundTripMs: link.roundTripMs,
      backlogMessages: link.backlogMessages,
      backlogBytes: link.backlogBytes,
      backlogAgeMs: link.backlogAgeMs,
      sent: link.sent,
      received: link.received,
      dropped: link.dropped,
    })),
  };
}

function jsonOf(payload: Uint8Array): unknown {
  return JSON.parse(Buffer.from(payload).toString('utf8'));
}
