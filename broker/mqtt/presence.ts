import type { Logger } from 'pino';
import { codeOf, type LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { BrokerConfig } from '../config.ts';
import type { Counters } from '../counters.ts';
import type { BrokerStore } from '../store/index.ts';
import type { AedesClient } from './aedes-types.ts';
import type { Connection, Connections } from './connection.ts';
import { Courier } from './courier.ts';
import type { Roaming } from './roaming.ts';
import type { Switchboard } from './switchboard.ts';

export interface PresenceOptions {
  config: BrokerConfig;
  connections: Connections;
  store: BrokerStore;
  switchboard: Switchboard;
  roaming: Roaming;
  counters: Counters;
  clock: Clock;
  log: Logger;
  /** Makes Aedes forget a client. */
  unregister: (client: AedesClient) => void;
}

/** Clients that come and go: their claims at the other brokers, their sessions, their couriers and their wills. */
export class Presence {
  readonly #options: PresenceOptions;
  /** By number, those that have claimed their client id from the other brokers. */
  readonly #claimed = new Map<number, AedesClient>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Asks the other brokers for the client id; then the client is nowhere else. */
  async claim(connection: Connection, username: string): Promise<void> {
    const { roaming } = this.#options;
    const { client, number, isIdMadeUp } = connection;
    // An id that the broker made up is nobody's.
    if (isIdMadeUp) return;
    this.#claimed.set(number, client);
    const request = { clientId: client.id, connection: number, username, isClean: client.clean };
    connection.holders = await roaming.claim(request);
  }

  /** The client has connected to another broker, which is none of its doing here: its will stays unsaid, unless configured. */
  takeOver(clientId: string, number: number, error: LatticeError): void {
    const { connections, log, store, config } = this.#options;
    const client = this.#claimed.get(number);
    if (client === undefined) return;
    const connection = connections.get(client);
    log.info({ code: error.code, clientId, address: connection.address }, error.message);
    if (!config.sessions.moveFiresWill) {
      client.will = null;
      client._will = null;
      if (connection.hasStoredWill) store.commit({ kind: 'willGone', clientId, connection: number }).catch(() => {});
      connection.hasStoredWill = false;
    }
    client.close();
  }

  /** A client is let in. */
  attach(client: AedesClient): void {
    const { connections, store, switchboard, config, counters, clock, log, unregister } = this.#options;
    const connection = connections.get(client);
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
    if (client.closed) unregister(client);
  }

  /** Its connection has ended. Safe twice, and for one that was never let in. */
  detach(client: AedesClient): void {
    const { connections, store, switchboard, clock, roaming } = this.#options;
    const connection = connections.of(client);
    if (connection === undefined) return;
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
}

/** Begins to deliver, once what the client's session holds elsewhere is here. */
export function startCourier(connection: Connection): void {
  const { courier, transfer } = connection;
  if (transfer === undefined) {
    courier?.start();
    return;
  }
  void transfer.then(() => {
    if (connection.courier === courier) courier?.start();
  });
}
