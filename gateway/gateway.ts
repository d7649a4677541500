import { join } from 'node:path';
import type { Logger } from 'pino';
import { codeOf, ERROR_CODES, LatticeError, messageOf } from '../core/errors/index.ts';
import { makePrivateDirectory } from '../core/files/index.ts';
import { Authenticator, derivedPassword } from '../core/identity/index.ts';
import { type DurableLog, openLog } from '../core/log/index.ts';
import { listenError, type Service } from '../core/process/index.ts';
import type { Random } from '../core/random/index.ts';
import { type Clock, delay, repeat, type Timer } from '../core/time/index.ts';
import { VERSION } from '../core/version.ts';
import {
  deadLetter,
  type GatewayStatus,
  HEALTH_INTERVAL_MS,
  HOME_ASSISTANT_STATUS_TOPIC,
  meshTopic,
  parseMeshTopic,
  shardsOwnedBy,
} from '../core/wire/index.ts';
import { saveProgress } from './account/index.ts';
import { createApi } from './api/index.ts';
import { type BufferRecord, encodeRecord } from './buffer/index.ts';
import type { GatewayConfig } from './config.ts';
import { gatewayHealth } from './health.ts';
import { Intake, MeshClient } from './ingest/index.ts';
import { type Recovered, recover } from './recover.ts';
import { DeviceRegistry, Discovery } from './registry/index.ts';
import { RecentLatency, Replicator } from './replication/index.ts';
import { createStore, type TimeSeriesStore } from './store/index.ts';

const PROGRESS_INTERVAL_MS = 2_000;
const SUBSCRIBE_TIMEOUT_MS = 5_000;
const LATENCY_PERIOD_MS = 60_000;

export interface GatewayDeps {
  clock: Clock;
  random: Random;
  log: Logger;
}

/** One gateway: takes the readings of its shards into the buffer, and copies the buffer to the store. */
export async function startGateway(config: GatewayConfig, deps: GatewayDeps): Promise<Service> {
  await makePrivateDirectory(config.dataDir);
  const buffer = await openLog(
    { directory: join(config.dataDir, 'buffer'), atBound: 'reject', ...config.buffer },
    { clock: deps.clock },
  );
  try {
    const recovered = await recover(progressPath(config), buffer, deps.log);
    const gateway = new Gateway(config, deps, buffer, recovered);
    return await gateway.start();
  } catch (error) {
    await buffer.close();
    throw error;
  }
}

function progressPath(config: GatewayConfig): string {
  return join(config.dataDir, 'progress.json');
}

class Gateway {
  readonly #config: GatewayConfig;
  readonly #deps: GatewayDeps;
  readonly #buffer: DurableLog;
  readonly #store: TimeSeriesStore;
  readonly #registry: DeviceRegistry;
  readonly #discovery: Discovery;
  readonly #intake: Intake;
  readonly #replicator: Replicator;
  readonly #client: MeshClient;
  readonly #latency = new RecentLatency();
  readonly #recovered: Recovered;
  readonly #shards: number[];
  readonly #startedMs: number;
  readonly #timers: Timer[] = [];
  #savedPosition = -1;

  constructor(config: GatewayConfig, deps: GatewayDeps, buffer: DurableLog, recovered: Recovered) {
    const { clock, random, log } = deps;
    this.#config = config;
    this.#deps = deps;
    this.#buffer = buffer;
    this.#recovered = recovered;
    this.#startedMs = clock.monotonicMs();
    this.#shards = shardsOwnedBy(config.id, config.members);
    this.#store = createStore(config.store, { clock });
    this.#registry = new DeviceRegistry((entry) => this.#discovery.noteChanged(entry));
    this.#discovery = new Discovery({
      clock,
      registry: this.#registry,
      softwareVersion: VERSION,
      publish: (topic, payload) => this.#client.publish(topic, payload, { qos: 1, retain: true }),
    });
    this.#intake = new Intake(
      { clock, log: buffer, ledger: recovered.ledger, registry: this.#registry, onRefused: (it) => this.#refuse(it) },
      recovered.takenPosition,
    );
    this.#replicator = new Replicator({
      log: buffer,
      store: this.#store,
      clock,
      random,
      latency: this.#latency,
      startPosition: recovered.replicatedPosition,
      ...config.replication,
      onRejected: (record, reason) => this.#rejectedByStore(record, reason),
      onStoreState: (isUp, error) => {
        if (isUp) log.info({ store: this.#store.name }, 'the store takes writes again');
        else
          log.warn(
            { store: this.#store.name, code: codeOf(error), reason: messageOf(error) },
            'readings wait in the buffer',
          );
      },
    });
    this.#client = new MeshClient({
      clock,
      url: config.broker.url,
      gatewayId: config.id,
      password: derivedPassword(config.siteKey, 'gateway', config.id),
      shards: this.#shards,
      filters: [HOME_ASSISTANT_STATUS_TOPIC],
      take: (topic, payload) => this.#take(topic, payload),
      onFault: (error) =>
        log.error({ code: codeOf(error), reason: messageOf(error) }, 'a message could not be buffered'),
      onState: (isUp) => log.info({ broker: config.broker.url, isUp }, isUp ? 'connected' : 'connection closed'),
      onError: (error) => log.warn({ broker: config.broker.url, reason: error.message }, 'no connection to the broker'),
    });
  }

  async start(): Promise<Service> {
    const { http, siteKey, accounts, id } = this.#config;
    const { clock } = this.#deps;
    const api = createApi({
      authenticator: new Authenticator({ accounts, siteKey }),
      status: () => this.#status(),
      devices: () => this.#registry.entries(),
      device: (site, device) => this.#registry.get(site, device),
    });
    const url = await api.listen(http).catch((error: unknown) => {
      throw listenError(error, http.host, http.port);
    });
    this.#client.start();
    // Whoever waits for `ready` may then send readings. A broker that is away must not keep a gateway from its buffer, though.
    await Promise.race([this.#client.subscribed, delay(clock, SUBSCRIBE_TIMEOUT_MS)]);
    this.#replicator.start();
    this.#discovery.start();
    this.#timers.push(
      repeat(clock, PROGRESS_INTERVAL_MS, () => this.#saveProgress()),
      repeat(clock, HEALTH_INTERVAL_MS, () => this.#publishHealth()),
      repeat(clock, LATENCY_PERIOD_MS, () => this.#latency.rotate()),
    );
    let stopping: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      for (const timer of this.#timers) timer.cancel();
      this.#discovery.stop();
      await this.#client.stop();
      await this.#replicator.stop();
      await this.#saveProgress();
      await api.close();
      await this.#buffer.close();
      await this.#store.close();
    };
    return {
      detail: { id, http: url },
      stop: () => {
        stopping ??= stop();
        return stopping;
      },
    };
  }

  async #take(topic: string, payload: Uint8Array): Promise<void> {
    if (topic !== HOME_ASSISTANT_STATUS_TOPIC) return this.#intake.take(topic, payload);
    if (Buffer.from(payload).toString('utf8') === 'online') this.#discovery.announceAll();
  }

  #refuse({ topic, payload, error }: { topic: string; payload: Uint8Array; error: LatticeError }): void {
    const device = parseMeshTopic(topic)?.device ?? this.#config.id;
    this.#deps.log.warn({ code: error.code, topic, reason: error.message }, ERROR_CODES[error.code].what);
    this.#publishDeadLetter(device, topic, payload, error);
  }

  #rejectedByStore(record: BufferRecord, reason: string): void {
    const error = new LatticeError('STORE_REJECTED', reason);
    const { site, device } =
      record.type === 'reading'
        ? record.reading
        : { site: record.site, device: record.type === 'gap' ? record.device : record.health.node };
    this.#deps.log.error({ code: error.code, device, reason }, ERROR_CODES[error.code].what);
    const kind = record.type === 'reading' ? 'state' : record.type;
    this.#publishDeadLetter(device, meshTopic(site, device, kind), encodeRecord(record), error);
  }

  #publishDeadLetter(device: string, topic: string, payload: Uint8Array, error: LatticeError): void {
    const letter = deadLetter({
      code: error.code,
      reason: error.message,
      topic,
      payload,
      atMs: Math.round(this.#deps.clock.wallMs()),
      by: this.#config.id,
    });
    const to = meshTopic(this.#config.site, device, 'deadletter');
    this.#client.publish(to, JSON.stringify(letter), { qos: 1, retain: false }).catch((cause: unknown) => {
      this.#deps.log.warn({ topic: to, reason: messageOf(cause) }, 'a dead letter could not be published');
    });
  }

  #status(): GatewayStatus {
    const { ledger, storeRejected, bufferedReadings } = this.#recovered;
    const { taken, ...totals } = ledger.totals();
    const { counters } = this.#replicator;
    const takenNow = this.#intake.counters.taken;
    const buffered = bufferedReadings + takenNow - counters.stored - counters.rejected;
    const rejected = storeRejected + counters.rejected;
    return {
      id: this.#config.id,
      site: this.#config.site,
      uptimeS: Math.round((this.#deps.clock.monotonicMs() - this.#startedMs) / 1000),
      brokerUp: this.#client.isUp,
      storeUp: this.#replicator.isStoreUp,
      store: this.#store.name,
      shards: this.#shards,
      devices: this.#registry.size,
      account: {
        sent: totals.sent,
        stored: taken - buffered - rejected,
        buffered,
        rejected,
        dropped: totals.dropped,
        missing: totals.missing,
        duplicates: totals.duplicates,
        received: this.#intake.counters.received,
        refused: this.#intake.counters.refused,
      },
      buffer: { readings: buffered, bytes: this.#buffer.bytes, lostPositions: lostPositions(this.#buffer) },
      latencyMs: this.#latency.percentiles(),
    };
  }

  async #saveProgress(): Promise<void> {
    const takenPosition = this.#intake.takenPosition;
    const replicatedPosition = this.#replicator.position;
    if (takenPosition + replicatedPosition === this.#savedPosition) return;
    try {
      await saveProgress(progressPath(this.#config), {
        version: 1,
        takenPosition,
        replicatedPosition,
        storeRejected: this.#recovered.storeRejected + this.#replicator.counters.rejected,
        ledger: this.#recovered.ledger.snapshot(),
      });
      this.#savedPosition = takenPosition + replicatedPosition;
      // What the saved progress covers is in the ledger and in the store, and is not needed again.
      await this.#buffer.trim(Math.min(takenPosition, replicatedPosition));
    } catch (error) {
      this.#deps.log.error({ code: codeOf(error), reason: messageOf(error) }, 'the progress could not be saved');
    }
  }

  #publishHealth(): void {
    const health = gatewayHealth(this.#status(), Math.round(this.#deps.clock.wallMs()));
    const topic = meshTopic(this.#config.site, this.#config.id, 'health');
    if (!this.#client.isUp) return;
    this.#client.publish(topic, JSON.stringify(health), { qos: 0, retain: true }).catch((error: unknown) => {
      this.#deps.log.warn({ reason: messageOf(error) }, 'health could not be published');
    });
  }
}

function lostPositions(log: DurableLog): number {
  return log.gaps.reduce((total, { fromPosition, toPosition }) => total + toPosition - fromPosition + 1, 0);
}
