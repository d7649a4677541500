import { Authenticator } from '../core/identity/index.ts';
import { listenError } from '../core/process/index.ts';
import { repeat, type Timer } from '../core/time/index.ts';
import { type BridgeState, type BrokerHealth, HEALTH_INTERVAL_MS, meshFilter, meshTopic } from '../core/wire/index.ts';
import { Balancer, clientUrls, type HealthMessage, loopBusyMeter } from './balance/index.ts';
import { Bridges } from './bridge/index.ts';
import { BrokerBridgePort } from './bridge-port.ts';
import { type BrokerData, type BrokerDataDeps, openBrokerData } from './broker-data.ts';
import type { BrokerConfig } from './config.ts';
import { Counters } from './counters.ts';
import { createFederation, type FederationOptions, type LinkFederation } from './federation/index.ts';
import { BrokerFederationPort } from './federation-port.ts';
import { HEALTH_WINDOWS, type HealthSources, measureHealth } from './health.ts';
import { HotPath } from './hot/index.ts';
import { LinkGaps } from './link-gaps.ts';
import { LossLog } from './loss-log.ts';
import { MetricsServer } from './metrics/index.ts';
import {
  HOLD_MS,
  Ingress,
  type Listeners,
  MqttServer,
  openListeners,
  Roaming,
  ShareDispatch,
  Switchboard,
} from './mqtt/index.ts';
import { ShareRouter } from './shares/index.ts';
import type { BatchMessage, Session, ShareTarget } from './state/index.ts';
import { type BrokerStore, renewIncarnation } from './store/index.ts';
import { SystemTopics } from './system-topics.ts';

export interface BrokerDeps extends BrokerDataDeps {
  /** Joins the broker with others. Default: the links of broker/federation/. */
  federate?: (options: FederationOptions) => LinkFederation;
}

export interface BrokerAddresses {
  id: string;
  host: string;
  port: number;
  wsPort: number | undefined;
  linkPort: number | undefined;
  metricsPort: number | undefined;
}

export interface Broker {
  /** Where it listens; known once start() has resolved. */
  readonly addresses: BrokerAddresses;
  /** The other brokers that can be reached now. */
  reachable(): readonly string[];
  /** What its bridges do, in the order of the configuration. */
  bridges(): BridgeState[];
  /** Throws PORT_TAKEN, DATA_LOCKED or DISK_FAILED. */
  start(): Promise<void>;
  /** Closes every connection, syncs and writes a checkpoint. Safe twice. */
  stop(): Promise<void>;
}

const SWEEP_INTERVAL_MS = 60_000;
/** Opens the broker's data and makes it ready to start. */
export async function createBroker(config: BrokerConfig, deps: BrokerDeps): Promise<Broker> {
  return new RunningBroker(config, deps, await openBrokerData(config, deps));
}

class RunningBroker implements Broker {
  readonly #config: BrokerConfig;
  readonly #deps: BrokerDeps;
  readonly #store: BrokerStore;
  readonly #counters = new Counters(HEALTH_WINDOWS);
  readonly #ingress: Ingress;
  readonly #server: MqttServer;
  readonly #roaming: Roaming;
  readonly #federation: LinkFederation;
  readonly #bridges: Bridges;
  readonly #healthSources: HealthSources;
  readonly #balancer: Balancer;
  readonly #linkGaps: LinkGaps;
  readonly #lossLog: LossLog;
  readonly #systemTopics: SystemTopics;
  readonly #metrics: MetricsServer | undefined;
  readonly #timers: Timer[] = [];
  #listeners: Listeners | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: BrokerConfig, deps: BrokerDeps, { store, incarnation, drainMark, wasDraining }: BrokerData) {
    const { clock, log } = deps;
    this.#config = config;
    this.#deps = deps;
    this.#store = store;
    store.queue.onCommit = (tookMs) => this.#counters.committed(tookMs);
    const switchboard = new Switchboard(store);
    this.#lossLog = new LossLog({ journal: store.log, clock, log });
    switchboard.onDropped = (session, dropped) => this.#lossLog.dropped(session, dropped);
    const shares = new ShareRouter<Session>({
      brokerId: config.id,
      groups: store.state.shares,
      clientIdOf: ({ clientId }) => clientId,
      isConnected: (session) => switchboard.isConnected(session),
      loadOf: ({ queue }) => queue.size,
      shareNodes: (topic) => this.#federation.shareNodes(topic),
    });
    this.#linkGaps = new LinkGaps({
      brokerId: config.id,
      clock,
      publish: (gap) => {
        const topic = meshTopic(config.site, config.id, 'linkgap');
        this.#ingress.publishOwn(topic, Buffer.from(JSON.stringify(gap)), { qos: 1 });
      },
    });
    const { siteKey, links } = config;
    const port = new BrokerFederationPort({
      brokerId: config.id,
      incarnation,
      renewIncarnation: () => renewIncarnation(config.dataDir, deps.random),
      store,
      switchboard,
      shares,
      noteGap: (to, cause, count) => this.#linkGaps.note(to, cause, count),
    });
    const federate = deps.federate ?? createFederation;
    this.#federation = federate({
      port,
      config: links,
      siteKey,
      clock,
      random: deps.random,
      log,
      limits: { backlogAgeMsMax: links.backlogAgeMsMax },
    });
    const dispatch = new ShareDispatch({ store, router: shares, counters: this.#counters, log });
    switchboard.onOrphaned = (message, filter) => dispatch.orphaned(message, filter);
    switchboard.onDetached = (session, isKept) => dispatch.memberGone(session, isKept);
    const volatile = {
      onVolatile: (topic: string, payload: Buffer, targets?: readonly ShareTarget[]) =>
        port.tellVolatile(topic, payload, targets),
      mustFollow: (topic: string) => this.#federation.mustFollow(topic),
      isWantedElsewhere: (topic: string) => this.#federation.isWanted(topic),
    };
    const shared = { site: config.site, store, switchboard, counters: this.#counters, clock, ...volatile };
    const { inflightInboundMax } = config.limits;
    const ingress = new Ingress({
      ...shared,
      brokerId: config.id,
      log,
      inflightInboundMax,
      shares,
      onCommand: (identity, payload) => this.#balancer.command(identity, payload),
    });
    this.#ingress = ingress;
    const isWanted = ({ retain, shares: targets, topic }: Pick<BatchMessage, 'retain' | 'shares' | 'topic'>): boolean =>
      retain || targets !== undefined || this.#federation.isWanted(topic);
    store.onPublished = (position, record) => {
      const messages = record.kind === 'batch' ? record.messages : [record];
      if (messages.some(isWanted)) port.noteWanted(position);
      for (const { qos, topic } of messages) if (qos === 0) port.tellJournalledVolatile(topic, position);
    };
    const onWanted = (position: number): void => port.noteWanted(position);
    const onRefused = (error: unknown): void => ingress.noteRefusal(error);
    const commandTopic = meshTopic(config.site, config.id, 'cmd');
    const hotOptions = { ...shared, shares, commandTopic, onWanted, onRefused, holdMs: HOLD_MS };
    const hotPath = config.hotPath ? new HotPath(hotOptions) : undefined;
    const { claimTimeoutMs, transferTimeoutMs } = config.sessions;
    const incarnationNow = (): string => port.incarnation;
    const moving = { incarnation: incarnationNow, store, switchboard, clock, log, claimTimeoutMs, transferTimeoutMs };
    this.#roaming = new Roaming({ ...moving, cluster: this.#federation });
    this.#server = new MqttServer({
      config,
      store,
      switchboard,
      ingress,
      roaming: this.#roaming,
      counters: this.#counters,
      clock,
      log,
      interestSettled: () => this.#federation.interestSettled(config.links.interestWaitMsMax),
      isDraining: () => this.#balancer.isDraining,
      ...(hotPath && { openLane: (connection, stream) => hotPath.openLane(connection, stream) }),
    });
    const bridgePort = new BrokerBridgePort({
      brokerId: config.id,
      siteKey,
      packetBytesMax: config.limits.packetBytesMax,
      store,
      switchboard,
      ingress: this.#ingress,
    });
    this.#bridges = new Bridges({ configs: config.bridges, port: bridgePort, clock, random: deps.random, log });
    this.#healthSources = {
      brokerId: config.id,
      startedMs: clock.monotonicMs(),
      clock,
      counters: this.#counters,
      server: this.#server,
      store,
      switchboard,
      links: () => this.#federation.states(),
      streams: () => this.#federation.streams(),
      bridges: () => this.#bridges.states(),
      rssBytes: () => process.memoryUsage.rss(),
      loopBusy: loopBusyMeter(),
      isDraining: () => this.#balancer.isDraining,
      urls: () => clientUrls({ ...this.addresses, advertise: config.listen.advertise }),
      limits: config.limits,
    };
    const publishSystem = (topic: string, payload: Buffer): void => switchboard.publishSystem(topic, payload);
    this.#systemTopics = new SystemTopics(publishSystem);
    this.#balancer = new Balancer({
      brokerId: config.id,
      site: config.site,
      clock,
      random: deps.random.fork('balance'),
      log,
      healths: () => healthsOf(store, config.site),
      publishHealth: () => this.#publishHealth(),
      publishSystem,
      publish: (topic, payload) => this.#ingress.publishOwn(topic, payload),
      leavers: () => this.#server.leavers(),
      wasDraining,
      remember: (isDraining) => drainMark.set(isDraining),
    });
    if (config.metrics !== undefined) {
      // A page asks at moments of its own, so it has a meter of its own.
      const sources = { ...this.#healthSources, loopBusy: loopBusyMeter() };
      this.#metrics = new MetricsServer({
        config: config.metrics,
        authenticator: new Authenticator({ accounts: config.accounts, siteKey, clock }),
        health: () => measureHealth(sources),
        stamps: store.hlc,
        alive: () => ({ id: config.id, isDraining: this.#balancer.isDraining }),
      });
    }
  }

  get addresses(): BrokerAddresses {
    const { id, listen } = this.#config;
    return {
      id,
      host: listen.host,
      port: this.#listeners?.port ?? listen.port,
      wsPort: this.#listeners?.wsPort,
      linkPort: this.#federation.listening()?.port,
      metricsPort: this.#metrics?.port,
    };
  }

  reachable(): readonly string[] {
    return this.#federation.reachable();
  }

  bridges(): BridgeState[] {
    return this.#bridges.states();
  }

  async start(): Promise<void> {
    const { clock, log } = this.#deps;
    this.#lossLog.damage();
    await this.#server.start();
    await this.#fireOrphanedWills();
    try {
      await this.#bridges.start();
      // Before the first client: what it publishes waits for the brokers that this one links to.
      await this.#startLinks();
      await this.#metrics?.start();
      this.#listeners = await openListeners({
        config: this.#config,
        clock,
        log,
        serve: (stream, address) => this.#server.serve(stream, address),
        onRefused: () => {
          this.#counters.refused += 1;
        },
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#balancer.start();
    this.#timers.push(
      repeat(clock, HEALTH_INTERVAL_MS, () => {
        this.#counters.rotate();
        this.#balancer.publishHealth();
        this.#linkGaps.tell();
      }),
      repeat(clock, SWEEP_INTERVAL_MS, () => this.#sweep()),
    );
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#balancer.stop();
    this.#listeners?.refuse();
    this.#roaming.stop();
    await this.#metrics?.stop();
    await this.#federation.stop();
    this.#linkGaps.tell();
    await this.#bridges.stop();
    await this.#server.stop();
    // Those whom the server does not know, since they never sent a CONNECT, would hold the listeners open.
    await this.#listeners?.close();
    await this.#store.close();
  }

  async #startLinks(): Promise<void> {
    const { listen } = this.#config.links;
    try {
      await this.#federation.start();
    } catch (error) {
      throw listen === undefined ? error : listenError(error, listen.host, listen.port);
    }
  }

  /** The connections that these wills belong to died with the last process. */
  async #fireOrphanedWills(): Promise<void> {
    for (const { clientId, topic, payload, qos, retain } of [...this.#store.state.wills.values()]) {
      const stampMs = this.#store.hlc.now();
      const origin = this.#config.id;
      await this.#store.commit({ kind: 'publish', topic, payload, qos, retain, stampMs, origin, clientId, will: true });
    }
  }

  #publishHealth(): BrokerHealth {
    const health = measureHealth(this.#healthSources);
    const topic = meshTopic(this.#config.site, this.#config.id, 'health');
    this.#ingress.publishOwn(topic, Buffer.from(JSON.stringify(health)), { retain: true });
    this.#systemTopics.tell(health);
    return health;
  }

  async #sweep(): Promise<void> {
    const { clock, log } = this.#deps;
    this.#lossLog.damage();
    this.#store.state.retained.forgetTombstones(clock.wallMs() - this.#config.limits.tombstoneAgeMsMax);
    try {
      await this.#server.expireSessions();
    } catch (error) {
      log.warn({ error }, 'sessions could not be expired; trying again in a minute');
    }
  }
}

function* healthsOf(store: BrokerStore, site: string): Generator<HealthMessage> {
  for (const { retained } of store.state.retainedFor(meshFilter({ site, kind: 'health' }))) yield retained;
}
