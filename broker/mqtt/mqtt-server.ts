import { Aedes } from 'aedes';
import type { Logger } from 'pino';
import type { Clock } from '../../core/time/index.ts';
import { staysWhileDraining } from '../balance/index.ts';
import type { BrokerConfig } from '../config.ts';
import type { Counters } from '../counters.ts';
import type { BrokerStore } from '../store/index.ts';
import type { StrictStream } from '../strict/index.ts';
import { type AedesHooks, listenToClients, replaceRouting } from './aedes-hooks.ts';
import type { AedesClient, AedesInside } from './aedes-types.ts';
import { type Connection, Connections } from './connection.ts';
import { Doorman } from './doorman.ts';
import type { Ingress } from './ingress.ts';
import { LivePersistence } from './live-persistence.ts';
import { Presence } from './presence.ts';
import type { Roaming } from './roaming.ts';
import { Subscriptions } from './subscriptions.ts';
import type { Switchboard } from './switchboard.ts';
import { ThrottledLog } from './throttled-log.ts';

/** Takes packets of a connection before Aedes does. It is told when Aedes has finished with one of those that it left. */
export interface FastLane {
  slowDone(): void;
  /** Called for packets that were taken, so that the connection counts as alive. */
  onTaken: () => void;
}

export interface MqttServerOptions {
  config: BrokerConfig;
  store: BrokerStore;
  switchboard: Switchboard;
  ingress: Ingress;
  roaming: Roaming;
  isDraining: () => boolean;
  counters: Counters;
  clock: Clock;
  log: Logger;
  /** Resolves when the other brokers send what the clients of this one have subscribed to by now, or after a while. */
  interestSettled: () => Promise<unknown>;
  /** Puts a lane in front of Aedes; none when left out. */
  openLane?: (connection: Connection, stream: StrictStream) => FastLane;
}

/**
 * Aedes serves the protocol: parsing, CONNECT, keep-alive, acknowledgements. What it would do with a message is replaced:
 *
 * - authorizePublish, which it calls before PUBACK, makes the message durable and routes it (ingress.ts).
 * - publish, subscribe and unsubscribe of the broker do nothing more than `$SYS`, so that its emitter, its duplicate filter
 *   and its control topics (`$SYS/+/new/clients`) are out of reach of clients.
 * - couriers deliver (courier.ts), each at the pace of its client.
 */
export class MqttServer {
  readonly #options: MqttServerOptions;
  readonly #aedes: AedesInside;
  readonly #connections = new Connections();
  readonly #doorman: Doorman;
  readonly #subscriptions: Subscriptions;
  readonly #presence: Presence;

  constructor(options: MqttServerOptions) {
    this.#options = options;
    const { config, store, switchboard, counters, log, clock } = options;
    const throttled = new ThrottledLog(log, clock);
    const shared = { config, store, counters, log: throttled };
    this.#doorman = new Doorman({
      ...shared,
      clock,
      isDraining: options.isDraining,
      connectedAs: (clientId) => this.#connectedAs(clientId),
      claim: (connection, username) => this.#presence.claim(connection, username),
    });
    options.roaming.onTakenOver = (clientId, connection, error) => this.#presence.takeOver(clientId, connection, error);
    this.#subscriptions = new Subscriptions({ ...shared, switchboard });
    const persistence = new LivePersistence({
      store,
      log,
      connections: this.#connections,
      wasPresent: (clientId) => this.#doorman.wasPresent(clientId),
      wasGranted: (client, filter) => this.#subscriptions.wasGranted(this.#connections.get(client), filter),
    });
    this.#aedes = new Aedes({
      id: config.id,
      persistence,
      concurrency: 1_000,
      connectTimeout: config.limits.connectTimeoutMs,
      drainTimeout: config.limits.drainTimeoutMs,
      maxInflightInbound: config.limits.inflightInboundMax,
      maxClientsIdLength: 65_535,
      queueLimit: 1_000,
    }) as unknown as AedesInside;
    this.#presence = new Presence({
      ...options,
      connections: this.#connections,
      unregister: (client) => this.#aedes.unregisterClient(client),
    });
    const hooks: AedesHooks = {
      ...options,
      aedes: this.#aedes,
      connections: this.#connections,
      doorman: this.#doorman,
      presence: this.#presence,
      subscriptions: this.#subscriptions,
      throttled,
    };
    replaceRouting(hooks);
    listenToClients(hooks);
  }

  get connections(): number {
    return this.#aedes.connectedClients;
  }

  /** The connected clients that have to go when the broker drains. */
  leavers(): AedesClient[] {
    return Object.values(this.#aedes.clients).filter((client) => {
      const identity = client && this.#connections.of(client)?.identity;
      return identity !== undefined && !staysWhileDraining(identity.role);
    }) as AedesClient[];
  }

  /** Subscriptions of clean and of kept sessions. */
  get subscriptions(): number {
    return this.#options.store.state.index.size + this.#options.switchboard.clean.size;
  }

  async start(): Promise<void> {
    await this.#aedes.listen();
  }

  /** Closes every connection; wills fire. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
  }

  /** Serves MQTT on a stream. */
  serve(stream: StrictStream, address: string): void {
    const client = this.#aedes.handle(stream);
    const connection = this.#connections.open(client, stream, address);
    this.#subscriptions.watch(connection);
    const lane = this.#options.openLane?.(connection, stream);
    if (lane !== undefined) watchPackets(client, lane);
    stream.once('close', () => this.#presence.detach(client));
  }

  /** Ends sessions whose client has been away for too long. */
  async expireSessions(): Promise<void> {
    const { store, switchboard, clock, config, log } = this.#options;
    const deadlineMs = clock.monotonicMs() - config.limits.sessionExpiryMs;
    for (const session of [...store.state.sessions.values()]) {
      const { clientId, awaySinceMs } = session;
      if (awaySinceMs === undefined || awaySinceMs > deadlineMs || switchboard.isConnected(session)) continue;
      log.info({ clientId }, 'a kept session has expired');
      await store.commit({ kind: 'end', clientId });
    }
  }

  #connectedAs(clientId: string): string | undefined {
    const client = this.#aedes.clients[clientId];
    return client === undefined ? undefined : this.#connections.of(client)?.identity?.username;
  }
}

/** Aedes calls _nextBatch back for each packet that it has finished, and once more when it has resumed. */
function watchPackets(client: AedesClient, lane: FastLane): void {
  const nextBatch = client._nextBatch;
  client._nextBatch = (error) => {
    lane.slowDone();
    nextBatch(error);
  };
  client.resume = () => {
    client._paused = false;
    nextBatch();
  };
  lane.onTaken = () => {
    if (client._keepaliveInterval > 0) client._keepaliveTimer?.refresh();
  };
}
