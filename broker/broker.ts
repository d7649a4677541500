import { join } from 'node:path';
import type { Logger } from 'pino';
import { type DurableLog, type LogOptions, openLog } from '../core/log/index.ts';
import { listenError } from '../core/process/index.ts';
import type { Random } from '../core/random/index.ts';
import { type Clock, repeat, type Timer } from '../core/time/index.ts';
import { HEALTH_INTERVAL_MS, meshTopic } from '../core/wire/index.ts';
import type { BrokerConfig } from './config.ts';
import { Counters } from './counters.ts';
import { createFederation, type FederationOptions, type LinkFederation } from './federation/index.ts';
import { BrokerFederationPort } from './federation-port.ts';
import { HEALTH_WINDOWS, type HealthSources, measureHealth } from './health.ts';
import { Ingress, type Listeners, MqttServer, openListeners, Switchboard } from './mqtt/index.ts';
import type { Session } from './state/index.ts';
import { BrokerStore, openIncarnation } from './store/index.ts';

export interface BrokerDeps {
  clock: Clock;
  random: Random;
  log: Logger;
  /** Joins the broker with others. Default: the links of broker/federation/. */
  federate?: (options: FederationOptions) => LinkFederation;
  /** Opens the journal. Default: the segmented log on disk. */
  openJournal?: (options: LogOptions) => Promise<DurableLog>;
}

export interface BrokerAddresses {
  id: string;
  host: string;
  port: number;
  wsPort: number | undefined;
  linkPort: number | undefined;
}

export interface Broker {
  /** Where it listens; known once start() has resolved. */
  readonly addresses: BrokerAddresses;
  /** Throws PORT_TAKEN, DATA_LOCKED or DISK_FAILED. */
  start(): Promise<void>;
  /** Closes every connection, syncs and writes a checkpoint. Safe twice. */
  stop(): Promise<void>;
}

/** A record is a packet and a header of JSON, in which a topic may be escaped to several times its length. */
const RECORD_BYTES_EXTRA = 512 * 1_024;
const SWEEP_INTERVAL_MS = 60_000;
const DROP_LOG_INTERVAL_MS = 5_000;
const GAPS_LOGGED_MAX = 20;

/** Opens the broker's data and makes it ready to start. */
export async function createBroker(config: BrokerConfig, deps: BrokerDeps): Promise<Broker> {
  const { clock, log } = deps;
  const { limits, journal } = config;
  const openJournal = deps.openJournal ?? ((options: LogOptions) => openLog(options, { clock }));
  const durableLog = await openJournal({
    directory: join(config.dataDir, 'journal'),
    bytesMax: journal.bytesMax,
    segmentBytes: Math.min(journal.segmentBytes, Math.floor(journal.bytesMax / 8)),
    atBound: 'drop-oldest',
    recordBytesMax: RECORD_BYTES_EXTRA + 2 * limits.packetBytesMax,
  });
  const store = await BrokerStore.open({
    brokerId: config.id,
    directory: config.dataDir,
    log: durableLog,
    bounds: {
      queueMessagesMax: limits.sessionQueueMessagesMax,
      queueBytesMax: limits.sessionQueueBytesMax,
      messagesMax: limits.retainedMessagesMax,
      tombstonesMax: limits.tombstonesMax,
    },
    journalBytesMax: journal.bytesMax,
    clock,
    logger: log,
  });
  const incarnation = await openIncarnation(config.dataDir, deps.random, store.isJournalNew || durableLog.isTailCut);
  return new RunningBroker(config, deps, store, incarnation);
}

class RunningBroker implements Broker {
  readonly #config: BrokerConfig;
  readonly #deps: BrokerDeps;
  readonly #store: BrokerStore;
  readonly #counters = new Counters(HEALTH_WINDOWS);
  readonly #ingress: Ingress;
  readonly #server: MqttServer;
  readonly #federation: LinkFederation;
  readonly #healthSources: HealthSources;
  readonly #timers: Timer[] = [];
  #damageLogged = '';
  #listeners: Listeners | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: BrokerConfig, deps: BrokerDeps, store: BrokerStore, incarnation: string) {
    const { clock, log } = deps;
    this.#config = config;
    this.#deps = deps;
    this.#store = store;
    store.queue.onCommit = (tookMs) => this.#counters.committed(tookMs);
    const switchboard = new Switchboard(store);
    this.#logDrops(switchboard);
    const port = new BrokerFederationPort({ brokerId: config.id, incarnation, store, switchboard });
    this.#ingress = new Ingress({
      brokerId: config.id,
      site: config.site,
      store,
      switchboard,
      counters: this.#counters,
      clock,
      log,
      inflightInboundMax: config.limits.inflightInboundMax,
      onVolatile: (topic, payload) => port.tellVolatile(topic, payload),
    });
    const shared = { config, store, switchboard, counters: this.#counters, clock, log };
    this.#server = new MqttServer({ ...shared, ingress: this.#ingress });
    const { siteKey, links } = config;
    const federate = deps.federate ?? createFederation;
    this.#federation = federate({ port, config: links, siteKey, clock, random: deps.random, log });
    this.#healthSources = {
      brokerId: config.id,
      startedMs: clock.monotonicMs(),
      clock,
      counters: this.#counters,
      server: this.#server,
      store,
      switchboard,
      links: () => this.#federation.states(),
      rssBytes: () => process.memoryUsage.rss(),
    };
  }

  get addresses(): BrokerAddresses {
    const { id, listen } = this.#config;
    return {
      id,
      host: listen.host,
      port: this.#listeners?.port ?? listen.port,
      wsPort: this.#listeners?.wsPort,
      linkPort: this.#federation.listening()?.port,
    };
  }

  async start(): Promise<void> {
    const { clock, log } = this.#deps;
    this.#logDamage();
    await this.#server.start();
    await this.#fireOrphanedWills();
    try {
      this.#listeners = await openListeners({
        config: this.#config,
        clock,
        log,
        serve: (stream, address) => this.#server.serve(stream, address),
        onRefused: () => {
          this.#counters.refused += 1;
        },
      });
      await this.#startLinks();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#publishHealth();
    this.#timers.push(
      repeat(clock, HEALTH_INTERVAL_MS, () => this.#publishHealth()),
      repeat(clock, SWEEP_INTERVAL_MS, () => this.#sweep()),
    );
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#listeners?.refuse();
    await this.#federation.stop();
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
    const { clock } = this.#deps;
    for (const { clientId, topic, payload, qos, retain } of [...this.#store.state.wills.values()]) {
      const stampMs = this.#store.state.retained.nextStampMs(clock.wallMs());
      const origin = this.#config.id;
      await this.#store.commit({ kind: 'publish', topic, payload, qos, retain, stampMs, origin, clientId, will: true });
    }
  }

  #publishHealth(): void {
    const health = measureHealth(this.#healthSources);
    this.#counters.rotate();
    const topic = meshTopic(this.#config.site, this.#config.id, 'health');
    this.#ingress.publishOwn(topic, Buffer.from(JSON.stringify(health)), true);
  }

  /** What the journal has lost to damage, each time that there is more of it. */
  #logDamage(): void {
    const damaged = this.#store.log.gaps.filter(({ cause }) => cause === 'damaged');
    const found = JSON.stringify(damaged);
    if (damaged.length === 0 || found === this.#damageLogged) return;
    this.#damageLogged = found;
    const gaps = damaged.slice(-GAPS_LOGGED_MAX);
    const fields = { code: 'JOURNAL_DAMAGED', count: damaged.length, gaps };
    this.#deps.log.error(fields, 'the journal is damaged; the records at these positions are lost');
  }

  async #sweep(): Promise<void> {
    const { clock, log } = this.#deps;
    this.#logDamage();
    this.#store.state.retained.forgetTombstones(clock.wallMs() - this.#config.limits.tombstoneAgeMsMax);
    try {
      await this.#server.expireSessions();
    } catch (error) {
      log.warn({ error }, 'sessions could not be expired; trying again in a minute');
    }
  }

  /** At once when it is the session's first drop, and then again in intervals. */
  #logDrops(switchboard: Switchboard): void {
    const { clock, log } = this.#deps;
    const loggedMs = new WeakMap<Session, number>();
    switchboard.onDropped = (session, dropped) => {
      const nowMs = clock.monotonicMs();
      if (nowMs - (loggedMs.get(session) ?? Number.NEGATIVE_INFINITY) < DROP_LOG_INTERVAL_MS) return;
      loggedMs.set(session, nowMs);
      const { clientId, username } = session;
      const fields = { code: 'SESSION_QUEUE_FULL', clientId, username, dropped };
      // Whoever subscribes to shards is a gateway: its drops are acknowledged readings that reach no store.
      const isGateway = [...session.subscriptions.keys()].some((filter) => filter.startsWith('$shard/'));
      if (isGateway)
        log.error(fields, 'the queue of a gateway is full; readings that were acknowledged are lost to it');
      else log.warn(fields, 'the queue of a session is full; messages were dropped');
    };
  }
}
