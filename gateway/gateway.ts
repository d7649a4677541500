import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { codeOf, ERROR_CODES, messageOf } from '../core/errors/index.ts';
import { makePrivateDirectory } from '../core/files/index.ts';
import { Authenticator, derivedPassword } from '../core/identity/index.ts';
import { type DurableLog, openLog } from '../core/log/index.ts';
import { listenError, type Service } from '../core/process/index.ts';
import type { Random } from '../core/random/index.ts';
import { type Clock, delay, repeat, type Timer } from '../core/time/index.ts';
import { VERSION } from '../core/version.ts';
import {
  type GatewayStatus,
  HEALTH_INTERVAL_MS,
  HOME_ASSISTANT_STATUS_TOPIC,
  meshTopic,
  shardsOwnedBy,
} from '../core/wire/index.ts';
import type { GatewayProgress } from './account/index.ts';
import { type Agreement, openAgreement } from './agreement/index.ts';
import { createApi, fillHlcMetrics, type TimeService } from './api/index.ts';
import { ClockService } from './clock/index.ts';
import { brokersOf, type GatewayConfig } from './config.ts';
import { DeadLetters } from './dead-letters.ts';
import { gatewayHealth } from './health.ts';
import { Intake, MeshClient } from './ingest/index.ts';
import { ProgressSaver } from './progress-saver.ts';
import { type Recovered, recover } from './recover.ts';
import { DeviceRegistry, Discovery } from './registry/index.ts';
import { RecentLatency, Replicator } from './replication/index.ts';
import { SiteDuties } from './site-duties.ts';
import { openSites, type Sites } from './sites/index.ts';
import { createStore, type TimeSeriesStore } from './store/index.ts';
import { GatewayTopics } from './time-topics.ts';

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
    const progressFile = join(config.dataDir, 'progress.json');
    for (const gap of buffer.gaps) deps.log.error({ code: 'BUFFER_DAMAGED', ...gap }, ERROR_CODES.BUFFER_DAMAGED.what);
    const recovered = await recover(progressFile, buffer, deps.log);
    return await new Gateway(config, deps, buffer, recovered, progressFile).start();
  } catch (error) {
    await buffer.close();
    throw error;
  }
}

/** Wires the parts of a gateway, and starts and stops them in order. */
class Gateway {
  readonly #config: GatewayConfig;
  readonly #deps: GatewayDeps;
  readonly #buffer: DurableLog;
  readonly #recovered: Recovered;
  readonly #shards: number[];
  readonly #startedMs: number;
  readonly #latency = new RecentLatency();
  readonly #store: TimeSeriesStore;
  readonly #registry: DeviceRegistry;
  readonly #discovery: Discovery;
  readonly #intake: Intake;
  readonly #replicator: Replicator;
  readonly #client: MeshClient;
  readonly #progress: ProgressSaver;
  readonly #timers: Timer[] = [];
  readonly #timeTopic: string;
  readonly #topics: GatewayTopics;
  /** Mesh time for stamps; the machine's own for all else. */
  readonly #meshClock: Clock;
  #time: ClockService | undefined;
  #agreement: Agreement | undefined;
  #sites: Sites | undefined;
  #duties: SiteDuties | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    config: GatewayConfig,
    deps: GatewayDeps,
    buffer: DurableLog,
    recovered: Recovered,
    progressFile: string,
  ) {
    const { clock, random, log } = deps;
    const { ledger, tally } = recovered;
    this.#config = config;
    this.#deps = deps;
    this.#buffer = buffer;
    this.#recovered = recovered;
    this.#startedMs = clock.monotonicMs();
    this.#shards = shardsOwnedBy(config.id, config.members);
    this.#store = createStore(config.store, { clock });
    this.#timeTopic = meshTopic(config.site, config.id, 'time');
    this.#topics = new GatewayTopics({
      isUp: () => this.#client.isUp,
      publish: (topic, payload) => this.#client.publish(topic, payload, { qos: 0, retain: false }),
    });
    const meshClock: Clock = {
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => this.#time?.wallMs() ?? clock.wallMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    };
    this.#meshClock = meshClock;
    const publish = (topic: string, payload: string, retain: boolean): Promise<void> =>
      this.#client.publish(topic, payload, { qos: 1, retain });
    const deadLetters = new DeadLetters({
      site: config.site,
      gatewayId: config.id,
      clock: meshClock,
      log,
      publish: (topic, payload) => publish(topic, payload, false),
    });
    this.#registry = new DeviceRegistry((entry) => this.#discovery.noteChanged(entry));
    this.#discovery = new Discovery({
      clock,
      registry: this.#registry,
      softwareVersion: VERSION,
      publish: (topic, payload) => publish(topic, payload, true),
    });
    this.#intake = new Intake(
      {
        clock: meshClock,
        log: buffer,
        ledger,
        registry: this.#registry,
        onTaken: () => tally.noteTaken(),
        onRefused: (refused) => deadLetters.refused(refused),
      },
      recovered.takenPosition,
    );
    this.#replicator = new Replicator({
      log: buffer,
      store: this.#store,
      clock: meshClock,
      random,
      latency: this.#latency,
      startPosition: recovered.replicatedPosition,
      ...config.replication,
      onSettled: (stored, rejected) => tally.noteSettled(stored, rejected),
      onRejected: (record, reason) => deadLetters.rejected(record, reason),
      onUnreadable: (bytes) => deadLetters.unreadable(bytes),
      onStoreState: (isUp, error) => this.#logStoreState(isUp, error),
    });
    this.#client = new MeshClient({
      clock,
      random: random.fork('brokers'),
      log,
      brokers: brokersOf(config.broker),
      gatewayId: config.id,
      password: derivedPassword(config.siteKey, 'gateway', config.id),
      shards: this.#shards,
      filters: [HOME_ASSISTANT_STATUS_TOPIC, this.#timeTopic],
      take: (topic, payload) => this.#take(topic, payload),
    });
    this.#progress = new ProgressSaver({ path: progressFile, buffer, log, current: () => this.#currentProgress() });
  }

  async start(): Promise<Service> {
    const { clock } = this.#deps;
    // Positions that a damaged log gives again must not be taken for those that an older progress speaks of.
    await this.#progress.save();
    await this.#openAgreement();
    await this.#openClock();
    this.#duties?.start();
    const { api, url } = await this.#listen();
    this.#client.start();
    this.#replicator.start();
    this.#discovery.start();
    this.#timers.push(
      repeat(clock, PROGRESS_INTERVAL_MS, () => this.#progress.save()),
      repeat(clock, HEALTH_INTERVAL_MS, () => this.#publishHealth()),
      repeat(clock, LATENCY_PERIOD_MS, () => this.#latency.rotate()),
    );
    // Whoever waits for `ready` may then send readings; but a broker that is away must not keep a gateway from its buffer.
    await Promise.race([this.#client.subscribed, delay(clock, SUBSCRIBE_TIMEOUT_MS)]);
    return {
      detail: { id: this.#config.id, http: url },
      stop: () => {
        this.#stopping ??= this.#stop(api);
        return this.#stopping;
      },
    };
  }

  async #stop(api: FastifyInstance): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#discovery.stop();
    await this.#client.stop();
    await this.#replicator.stop();
    await this.#progress.save();
    await api.close();
    await this.#duties?.stop();
    await this.#sites?.stop();
    await this.#time?.stop();
    await this.#agreement?.stop();
    await this.#buffer.close();
    await this.#store.close();
  }

  async #openAgreement(): Promise<void> {
    const { agreement: config, id, site, siteKey, dataDir, members } = this.#config;
    if (config === undefined) return;
    const stamps = {
      clock: this.#meshClock,
      uncertaintyMs: () => this.#time?.uncertaintyMs() ?? Number.POSITIVE_INFINITY,
    };
    const own = { name: id, site, siteKey, dataDir, members };
    const agreement = await openAgreement(config, { ...this.#deps, ...own, stamps });
    this.#agreement = agreement;
    this.#sites = openSites(config, agreement, { ...this.#deps, random: this.#deps.random.fork('sites'), site });
    this.#duties = await SiteDuties.open({
      ...{ ...this.#deps, config: this.#config, agreement },
      store: this.#store,
    });
  }

  async #openClock(): Promise<void> {
    const { agreement: agreementConfig, time: config, id, site, siteKey, dataDir, members } = this.#config;
    const agreement = this.#agreement;
    if (agreement === undefined || agreementConfig === undefined) return;
    const own = { site, name: id };
    const time = new ClockService({
      ...{ config, agreement, agreementConfig, own, siteKey, dataDir, topics: this.#topics, gateways: members },
      ...{ ...this.#deps, random: this.#deps.random.fork('clock') },
    });
    await time.start();
    this.#time = time;
  }

  async #listen(): Promise<{ api: FastifyInstance; url: string }> {
    const { http, siteKey, accounts } = this.#config;
    const api = createApi({
      authenticator: new Authenticator({ accounts, siteKey, clock: this.#deps.clock }),
      status: () => this.#wholeStatus(),
      health: () => ({ id: this.#config.id, brokerUp: this.#client.isUp, storeUp: this.#replicator.isStoreUp }),
      devices: () => this.#registry.entries(),
      device: (site, device) => this.#registry.get(site, device),
      agreement: this.#agreement,
      clock: this.#deps.clock,
      fillMetrics: (registry) => {
        this.#duties?.fillMetrics(registry);
        const hlc = this.#agreement?.transport?.hlc;
        if (hlc !== undefined) fillHlcMetrics(registry, hlc);
      },
      fleet: this.#sites,
      time: this.#timeService(),
    });
    try {
      return { api, url: await api.listen(http) };
    } catch (error) {
      throw listenError(error, http.host, http.port);
    }
  }

  #timeService(): TimeService | undefined {
    const time = this.#time;
    return time && { status: () => time.status(), set: async (to) => time.set(to) };
  }

  async #take(topic: string, payload: Uint8Array): Promise<void> {
    if (topic === this.#timeTopic) {
      this.#topics.deliver(this.#timeTopic, payload);
      return;
    }
    const answer = this.#time?.answer(topic, payload);
    // Who hears nothing asks again.
    if (answer !== undefined) this.#topics.publish(answer.topic, Buffer.from(answer.payload));
    if (topic !== HOME_ASSISTANT_STATUS_TOPIC) return this.#intake.take(topic, payload);
    if (Buffer.from(payload).toString('utf8') === 'online') this.#discovery.announceAll();
  }

  async #wholeStatus(): Promise<GatewayStatus> {
    const agreement = await this.#agreement?.status();
    return { ...this.#status(), ...(agreement === undefined ? {} : { agreement }) };
  }

  #status(): GatewayStatus {
    const { ledger, tally } = this.#recovered;
    const { id, site } = this.#config;
    if (this.#replicator.position >= this.#buffer.nextPosition) tally.noteDrained();
    const { received, refused } = this.#intake.counters;
    const account = tally.account(ledger.totals(), { received, refused });
    return {
      id,
      site,
      uptimeS: Math.round((this.#deps.clock.monotonicMs() - this.#startedMs) / 1000),
      brokerUp: this.#client.isUp,
      storeUp: this.#replicator.isStoreUp,
      store: this.#store.name,
      shards: this.#shards,
      devices: this.#registry.size,
      account,
      buffer: { readings: account.buffered, bytes: this.#buffer.bytes, lostPositions: lostPositions(this.#buffer) },
      latencyMs: this.#latency.percentiles(),
      ...(this.#time === undefined ? {} : { time: this.#time.status() }),
    };
  }

  #currentProgress(): GatewayProgress {
    const { ledger, tally } = this.#recovered;
    return {
      version: 1,
      takenPosition: this.#intake.takenPosition,
      replicatedPosition: this.#replicator.position,
      stored: tally.stored,
      rejected: tally.rejected,
      buffered: Math.max(0, tally.buffered),
      ledger: ledger.snapshot(),
    };
  }

  #publishHealth(): void {
    if (!this.#client.isUp) return;
    const health = gatewayHealth(this.#status(), Math.round(this.#meshClock.wallMs()));
    const topic = meshTopic(this.#config.site, this.#config.id, 'health');
    this.#client.publish(topic, JSON.stringify(health), { qos: 0, retain: true }).catch((error: unknown) => {
      this.#deps.log.warn({ reason: messageOf(error) }, 'health could not be published');
    });
  }

  #logStoreState(isUp: boolean, error: unknown): void {
    const { log } = this.#deps;
    const store = this.#store.name;
    if (isUp) log.info({ store }, 'the store takes writes again');
    else log.warn({ store, code: codeOf(error), reason: messageOf(error) }, 'readings wait in the buffer');
  }
}

function lostPositions(log: DurableLog): number {
  return log.gaps.reduce((total, { fromPosition, toPosition }) => total + toPosition - fromPosition + 1, 0);
}
