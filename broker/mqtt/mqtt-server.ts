import { Aedes, type PublishPacket } from 'aedes';
import type { Logger } from 'pino';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { staysWhileDraining } from '../balance/index.ts';
import type { BrokerConfig } from '../config.ts';
import type { Counters } from '../counters.ts';
import type { StoredSubscription } from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { StrictStream } from '../strict/index.ts';
import type { AedesClient, AedesInside } from './aedes-types.ts';
import { type Connection, Connections } from './connection.ts';
import { Courier } from './courier.ts';
import { Doorman } from './doorman.ts';
import type { IncomingPacket, Ingress } from './ingress.ts';
import { LivePersistence } from './live-persistence.ts';
import type { Roaming } from './roaming.ts';
import { type Granted, Subscriptions } from './subscriptions.ts';
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

type Done = (error?: Error | null) => void;

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
  readonly #throttled: ThrottledLog;
  /** By number, those that have claimed their client id from the other brokers. */
  readonly #claimed = new Map<number, AedesClient>();

  constructor(options: MqttServerOptions) {
    this.#options = options;
    const { config, store, switchboard, counters, log, clock } = options;
    this.#throttled = new ThrottledLog(log, clock);
    const shared = { config, store, counters, log: this.#throttled };
    this.#doorman = new Doorman({
      ...shared,
      clock,
      isDraining: options.isDraining,
      connectedAs: (clientId) => this.#connectedAs(clientId),
      claim: (connection, username) => this.#claim(connection, username),
    });
    options.roaming.onTakenOver = (clientId, connection, error) => this.#takeOver(clientId, connection, error);
    this.#subscriptions = new Subscriptions({ ...shared, switchboard });
    const persistence = new LivePersistence({
      store,
      log,
      connections: this.#connections,
      wasPresent: (clientId) => this.#doorman.wasPresent(clientId),
      wasGranted: (client, filter) => this.#subscriptions.wasGranted(this.#connection(client), filter),
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
    this.#replaceRouting();
    this.#listenToClients();
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
    stream.once('close', () => this.#detach(client));
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

  #replaceRouting(): void {
    const aedes = this.#aedes;
    aedes.publish = (packet, ...rest) => {
      // A client's message was routed when it was taken; what remains is what Aedes itself tells of clients.
      const done = rest.at(-1);
      if (packet.topic.startsWith('$SYS/') && typeof rest[0] !== 'object') {
        this.#options.switchboard.routeVolatile(packet.topic, Buffer.from(packet.payload as string));
      }
      if (typeof done === 'function') done(null);
    };
    // SUBACK waits, so that what is published anywhere after it arrives.
    aedes.subscribe = (_filter, _deliver, done) => void this.#options.interestSettled().then(() => done());
    aedes.unsubscribe = (_filter, _deliver, done) => done?.();
    aedes.preConnect = (client, packet, done) => {
      this.#connection(client).isIdMadeUp = packet.clientId === '';
      if (packet.protocolVersion === 5) {
        const { address } = this.#connection(client);
        const error = new LatticeError('PROTOCOL_UNSUPPORTED', `${address} speaks MQTT 5.`);
        this.#throttled.warn({ code: error.code, address, clientId: packet.clientId }, error.message);
      }
      done(null, true);
    };
    aedes.authenticate = (client, username, password, done) => {
      const connection = this.#connection(client);
      this.#doorman.admit(connection, { username, password }).then(
        () => done(null, true),
        (error: unknown) => done(this.#doorman.refuse(connection, error), false),
      );
    };
    aedes.authorizePublish = (client, packet, done) => {
      const aedesClient = client as unknown as AedesClient;
      const isWill = (packet as PublishPacket) === aedesClient.will;
      this.#options.ingress.take(this.#connection(aedesClient), packet as IncomingPacket, isWill, done as Done);
    };
    aedes.authorizeSubscribe = (client, subscription, done) => {
      const connection = this.#connection(client);
      this.#subscriptions.authorize(connection, subscription as StoredSubscription, done as Granted);
    };
  }

  #listenToClients(): void {
    const { log } = this.#options;
    const aedes = this.#aedes;
    aedes.on('client', (client) => this.#attach(client as unknown as AedesClient));
    aedes.on('connackSent', (packet, client) => {
      if (packet.returnCode === 0) startCourier(this.#connection(client));
    });
    aedes.on('clientDisconnect', (client) => this.#detach(client as unknown as AedesClient));
    aedes.on('subscribe', (subscriptions, client) => {
      const { courier } = this.#connection(client);
      for (const { topic, qos } of subscriptions as StoredSubscription[]) {
        if (courier !== undefined && qos <= 2) this.#options.switchboard.sendRetained(courier, topic, qos);
      }
    });
    const logError = (client: object, error: Error): void => {
      // One of ours was logged where it arose, and says more than this.
      if (error instanceof LatticeError) return;
      const connection = this.#connections.of(client);
      const { id: clientId } = client as { id: string };
      const fields = { code: codeOf(error), clientId, address: connection?.address, error: messageOf(error) };
      log.info(fields, 'a connection ended with an error');
    };
    aedes.on('clientError', logError);
    aedes.on('connectionError', logError);
    (aedes as unknown as NodeJS.EventEmitter).on('error', (error: unknown) => {
      log.error({ code: codeOf(error), error: messageOf(error) }, 'the MQTT server met an error');
    });
  }

  /** Asks the other brokers for the client id; then the client is nowhere else. */
  async #claim(connection: Connection, username: string): Promise<void> {
    const { roaming } = this.#options;
    const { client, number, isIdMadeUp } = connection;
    // An id that the broker made up is nobody's.
    if (isIdMadeUp) return;
    this.#claimed.set(number, client);
    const request = { clientId: client.id, connection: number, username, isClean: client.clean };
    connection.holders = await roaming.claim(request);
  }

  /** The client has connected to another broker, which is none of its doing here: its will stays unsaid, unless configured. */
  #takeOver(clientId: string, number: number, error: LatticeError): void {
    const { log, store, config } = this.#options;
    const client = this.#claimed.get(number);
    if (client === undefined) return;
    const connection = this.#connection(client);
    log.info({ code: error.code, clientId, address: connection.address }, error.message);
    if (!config.sessions.moveFiresWill) {
      client.will = null;
      client._will = null;
      if (connection.hasStoredWill) store.commit({ kind: 'willGone', clientId, connection: number }).catch(() => {});
      connection.hasStoredWill = false;
    }
    client.close();
  }

  #attach(client: AedesClient): void {
    const { store, switchboard, config, counters, clock, log } = this.#options;
    const connection = this.#connection(client);
    const kept = client.clean ? undefined : store.state.sessions.get(client.id);
    const courier = new Courier({
      stream: connection.stream,
      outbox: connection.stream.outbox,
      session: kept ?? store.state.createSession(client.id),
      isKept: kept !== undefined,
      store,
      clock,
      inflightMessagesMax: config.limits.inflightMessagesMax,
      drainTimeoutMs: config.limits.drainTimeoutMs,
      onDelivered: () => {
        counters.delivered += 1;
      },
      onUnsendable: (error) => {
        counters.dropped += 1;
        const fields = { code: codeOf(error), clientId: client.id, error: messageOf(error) };
        log.error(fields, 'a message cannot be sent; it was dropped');
      },
      onSlow: (error) =>
        log.warn({ code: error.code, clientId: client.id, address: connection.address }, error.message),
    });
    connection.courier = courier;
    if (kept !== undefined) kept.awaySinceMs = undefined;
    if (kept !== undefined && connection.holders.length > 0) {
      connection.transfer = this.#options.roaming.take(client.id, connection.holders);
    }
    switchboard.attach(courier);
    // It may have gone while its will was being stored. Aedes has closed it by then, and would keep it for ever.
    if (client.closed) this.#aedes.unregisterClient(client);
  }

  #detach(client: AedesClient): void {
    const connection = this.#connections.of(client);
    if (connection === undefined) return;
    const { store, switchboard, clock, roaming } = this.#options;
    const { courier } = connection;
    connection.courier = undefined;
    if (courier !== undefined) switchboard.detach(courier);
    if (this.#claimed.delete(connection.number)) roaming.gone(client.id, connection.number);
    if (connection.hasStoredWill && client._disconnected) {
      connection.hasStoredWill = false;
      store.commit({ kind: 'willGone', clientId: client.id, connection: connection.number }).catch(() => {});
    }
    if (client.clean) return;
    const session = store.state.sessions.get(client.id);
    if (session !== undefined && !switchboard.isConnected(session)) session.awaySinceMs ??= clock.monotonicMs();
  }

  #connectedAs(clientId: string): string | undefined {
    const client = this.#aedes.clients[clientId];
    return client === undefined ? undefined : this.#connections.of(client)?.identity?.username;
  }

  #connection(client: object): Connection {
    const connection = this.#connections.of(client);
    if (connection === undefined) throw new LatticeError('INTERNAL', 'A client without a connection.');
    return connection;
  }
}

/** Begins to deliver, once what the client's session holds elsewhere is here. */
function startCourier(connection: Connection): void {
  const { courier, transfer } = connection;
  if (transfer === undefined) {
    courier?.start();
    return;
  }
  void transfer.then(() => {
    if (connection.courier === courier) courier?.start();
  });
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
