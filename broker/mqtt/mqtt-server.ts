import type { Duplex } from 'node:stream';
import { Aedes, type PublishPacket } from 'aedes';
import type { Logger } from 'pino';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Identity } from '../../core/identity/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { connackCodeOf, Gatekeeper, mayPublish, maySubscribe, topicFault } from '../access/index.ts';
import type { BrokerConfig } from '../config.ts';
import type { Counters } from '../counters.ts';
import type { Session, StoredSubscription } from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { AedesClient, AedesInside } from './aedes-types.ts';
import { type Connection, Connections } from './connection.ts';
import { Courier } from './courier.ts';
import type { IncomingPacket, Ingress } from './ingress.ts';
import { LivePersistence, SESSION_MARKER } from './live-persistence.ts';
import type { Switchboard } from './switchboard.ts';
import { ThrottledLog } from './throttled-log.ts';

export interface MqttServerOptions {
  config: BrokerConfig;
  store: BrokerStore;
  switchboard: Switchboard;
  ingress: Ingress;
  counters: Counters;
  clock: Clock;
  log: Logger;
}

type Done = (error?: Error | null) => void;
const REFUSED_FILTERS_LOGGED_MAX = 10;
const FILTER_CHARS_LOGGED_MAX = 256;

type Granted = (error: Error | null, subscription?: unknown) => void;

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
  readonly #gatekeeper: Gatekeeper;
  readonly #throttled: ThrottledLog;
  /** Client ids whose session was there before the CONNECT that is being answered. */
  readonly #present = new Set<string>();

  constructor(options: MqttServerOptions) {
    this.#options = options;
    const { config, store, log, clock } = options;
    this.#gatekeeper = new Gatekeeper({ accounts: config.accounts, siteKey: config.siteKey, clock });
    this.#throttled = new ThrottledLog(log, clock);
    const persistence = new LivePersistence({
      store,
      log,
      connections: this.#connections,
      wasPresent: (clientId) => this.#present.delete(clientId),
      wasGranted: (client, filter) => this.#wasGranted(client as AedesClient, filter),
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
  serve(stream: Duplex, address: string): void {
    const client = this.#aedes.handle(stream);
    this.#connections.open(client, address);
    this.#watchSubscriptions(client);
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
    aedes.subscribe = (_filter, _deliver, done) => done();
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
      this.#admit(client as unknown as AedesClient, username, password).then(
        () => done(null, true),
        (error: unknown) => done(this.#connackError(client as unknown as AedesClient, error), false),
      );
    };
    aedes.authorizePublish = (client, packet, done) => {
      const aedesClient = client as unknown as AedesClient;
      const isWill = (packet as PublishPacket) === aedesClient.will;
      this.#options.ingress.take(this.#connection(aedesClient), packet as IncomingPacket, isWill, done as Done);
    };
    aedes.authorizeSubscribe = (client, subscription, done) => {
      this.#authorizeSubscribe(client as unknown as AedesClient, subscription as StoredSubscription, done as Granted);
    };
  }

  #listenToClients(): void {
    const { log } = this.#options;
    const aedes = this.#aedes;
    aedes.on('client', (client) => this.#attach(client as unknown as AedesClient));
    aedes.on('connackSent', (packet, client) => {
      if (packet.returnCode === 0) this.#connection(client).courier?.start();
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

  /** Throws what keeps the client out. Its kept session, if it wants one, is there and durable afterwards. */
  async #admit(client: AedesClient, username: string | undefined, password: Buffer | undefined): Promise<void> {
    const { store, config } = this.#options;
    const connection = this.#connection(client);
    const identity = await this.#gatekeeper.identify({ address: connection.address, username, password });
    connection.identity = identity;
    this.#checkId(connection, identity);
    this.#checkOwner(client, identity.username);
    const will = client._will;
    if (will !== null && will !== undefined) {
      const fault = topicFault(will.topic);
      if (fault !== undefined) throw fault;
      if (!mayPublish(identity, config.site, will.topic)) {
        throw new LatticeError('TOPIC_FORBIDDEN', `"${identity.username}" may not have its will at "${will.topic}".`);
      }
    }
    if (client.clean) return;
    const session = store.state.sessions.get(client.id);
    const record = { kind: 'session', clientId: client.id, username: identity.username } as const;
    if (session !== undefined) {
      this.#present.add(client.id);
      session.awaySinceMs = undefined;
      if (session.username === undefined) await store.commit(record);
      this.#dropForbidden(client.id, session, identity);
      return;
    }
    if (store.state.sessions.size >= config.limits.sessionsMax) {
      throw new LatticeError('SESSIONS_EXHAUSTED', `There are ${config.limits.sessionsMax} kept sessions.`);
    }
    this.#checkSessions(identity);
    await store.commit(record);
    this.#checkOwner(client, identity.username);
  }

  #checkSessions({ username, role }: Identity): void {
    const { store, config } = this.#options;
    const { sessionsPerAccountMax, sessionsPerMachineMax } = config.limits;
    const max = role === 'operator' || role === 'reader' ? sessionsPerAccountMax : sessionsPerMachineMax;
    let count = 0;
    for (const session of store.state.sessions.values()) if (session.username === username) count += 1;
    if (count >= max) throw new LatticeError('SESSIONS_EXHAUSTED', `"${username}" has ${max} kept sessions.`);
  }

  /**
   * Devices and gateways have ids of their own, so that none can take the place of another: the user name, or what begins
   * with it and a slash, which no user name of a machine contains. An id that the broker made up is nobody's.
   */
  #checkId({ client, isIdMadeUp }: Connection, { username, role }: Identity): void {
    if (role !== 'device' && role !== 'gateway') return;
    if (isIdMadeUp || client.id === username || client.id.startsWith(`${username}/`)) return;
    const rule = `must be "${username}" or begin with "${username}/"`;
    throw new LatticeError('CLIENT_ID_TAKEN', `The client id "${client.id}" ${rule}.`);
  }

  /** A client id belongs to the account that uses it, or whose session it is. */
  #checkOwner(client: AedesClient, username: string): void {
    const connected = this.#aedes.clients[client.id];
    const owner =
      this.#options.store.state.sessions.get(client.id)?.username ??
      (connected === undefined ? undefined : this.#connections.of(connected)?.identity?.username);
    if (owner === undefined || owner === username) return;
    throw new LatticeError('CLIENT_ID_TAKEN', `"${username}" wants the client id "${client.id}" of another account.`);
  }

  /** The account may have lost rights since it subscribed. */
  #dropForbidden(clientId: string, session: Session, identity: Identity): void {
    const { store, config } = this.#options;
    const filters = [...session.subscriptions.keys()].filter((each) => !maySubscribe(identity, config.site, each));
    if (filters.length > 0) store.commit({ kind: 'unsubscribe', clientId, filters }).catch(() => {});
  }

  #connackError(client: AedesClient, error: unknown): Error & { returnCode: number } {
    const { counters } = this.#options;
    const { address, identity } = this.#connection(client);
    const reason = error instanceof LatticeError ? error : new LatticeError('INTERNAL', messageOf(error));
    counters.refused += 1;
    const fields = { code: reason.code, clientId: client.id, address, username: identity?.username };
    this.#throttled.warn(fields, reason.message);
    return Object.assign(reason, { returnCode: connackCodeOf(reason) });
  }

  #authorizeSubscribe(client: AedesClient, subscription: StoredSubscription, done: Granted): void {
    const connection = this.#connection(client);
    const { topic } = subscription;
    // Only Aedes itself subscribes before there is a courier: it restores what LivePersistence told it.
    if (connection.courier === undefined && topic === SESSION_MARKER.topic) {
      done(null, subscription);
      return;
    }
    const held = connection.courier?.session.subscriptions;
    const isHeld = held?.has(topic) === true || connection.granted.has(topic);
    const count = (held?.size ?? 0) + connection.granted.size;
    const isTooMany = !isHeld && count >= this.#options.config.limits.subscriptionsPerClientMax;
    if (held === undefined || isTooMany || !this.#maySubscribe(client, topic)) {
      this.#refuseFilter(connection, topic);
      done(null, null);
      return;
    }
    if (!isHeld) connection.granted.add(topic);
    // What was published before must be retained before, or the subscriber would miss it or see it unflagged. For a kept
    // session the journal sees to that, since the subscription goes into it; but every filter of the SUBSCRIBE must have
    // been judged before the first is stored, since they are stored together.
    if (client.clean) this.#options.store.queue.after(() => done(null, subscription));
    else queueMicrotask(() => done(null, subscription));
  }

  /** One line for all that are refused in one turn, since a SUBSCRIBE may hold tens of thousands. */
  #refuseFilter(connection: Connection, filter: string): void {
    this.#options.counters.refused += 1;
    connection.refused.push(filter);
    if (connection.refused.length > 1) return;
    queueMicrotask(() => {
      const { refused, identity, client, address } = connection;
      connection.refused = [];
      const filters = refused
        .slice(0, REFUSED_FILTERS_LOGGED_MAX)
        .map((each) => each.slice(0, FILTER_CHARS_LOGGED_MAX));
      const fields = { code: 'TOPIC_FORBIDDEN', address, username: identity?.username, clientId: client.id, filters };
      this.#throttled.warn({ ...fields, count: refused.length }, 'subscriptions were refused');
    });
  }

  #wasGranted(client: AedesClient, filter: string): boolean {
    const { granted, courier } = this.#connection(client);
    return (
      (granted.has(filter) || courier?.session.subscriptions.has(filter) === true) && this.#maySubscribe(client, filter)
    );
  }

  #maySubscribe(client: AedesClient, filter: string): boolean {
    const { identity } = this.#connection(client);
    if (identity === undefined || topicFault(filter) !== undefined) return false;
    return maySubscribe(identity, this.#options.config.site, filter);
  }

  #attach(client: AedesClient): void {
    const { store, switchboard, config, counters, clock, log } = this.#options;
    const connection = this.#connection(client);
    const kept = client.clean ? undefined : store.state.sessions.get(client.id);
    const courier = new Courier({
      stream: client.conn,
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
    switchboard.attach(courier);
    // It may have gone while its will was being stored. Aedes has closed it by then, and would keep it for ever.
    if (client.closed) this.#aedes.unregisterClient(client);
  }

  #detach(client: AedesClient): void {
    const connection = this.#connections.of(client);
    if (connection === undefined) return;
    const { store, switchboard, clock } = this.#options;
    const { courier } = connection;
    connection.courier = undefined;
    if (courier !== undefined) switchboard.detach(courier);
    if (connection.hasStoredWill && client._disconnected) {
      connection.hasStoredWill = false;
      store.commit({ kind: 'willGone', clientId: client.id, connection: connection.number }).catch(() => {});
    }
    if (client.clean) return;
    const session = store.state.sessions.get(client.id);
    if (session !== undefined && !switchboard.isConnected(session)) session.awaySinceMs ??= clock.monotonicMs();
  }

  /** Clean sessions are subscribed where Aedes notes that they are; its events do not tell of every case. */
  #watchSubscriptions(client: AedesClient): void {
    const { clean } = this.#options.switchboard;
    const sessionOf = (): Session | undefined => {
      const courier = this.#connection(client).courier;
      return courier?.isKept === false ? courier.session : undefined;
    };
    client.subscriptions = new Proxy(client.subscriptions, {
      set: (target, filter: string, value: { qos: 0 | 1 | 2 }) => {
        target[filter] = value;
        this.#connection(client).granted.delete(filter);
        const session = sessionOf();
        if (session !== undefined) {
          session.subscriptions.set(filter, { topic: filter, qos: value.qos });
          clean.add(filter, session, value.qos);
        }
        return true;
      },
      deleteProperty: (target, filter: string) => {
        delete target[filter];
        const session = sessionOf();
        if (session?.subscriptions.delete(filter)) clean.remove(filter, session);
        return true;
      },
    });
  }

  #connection(client: object): Connection {
    const connection = this.#connections.of(client);
    if (connection === undefined) throw new LatticeError('INTERNAL', 'A client without a connection.');
    return connection;
  }
}
