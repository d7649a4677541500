import { LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Identity } from '../../core/identity/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { connackCodeOf, Gatekeeper, mayPublish, maySubscribe, topicFault } from '../access/index.ts';
import { staysWhileDraining } from '../balance/index.ts';
import type { BrokerConfig } from '../config.ts';
import type { Counters } from '../counters.ts';
import type { Session } from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { Connection } from './connection.ts';
import type { ThrottledLog } from './throttled-log.ts';

export interface DoormanOptions {
  config: BrokerConfig;
  store: BrokerStore;
  counters: Counters;
  clock: Clock;
  log: ThrottledLog;
  isDraining: () => boolean;
  /** The account of the client that is connected under an id. */
  connectedAs: (clientId: string) => string | undefined;
  /** Claims the client id from the other brokers; throws CLIENT_ID_TAKEN or SESSION_TAKEN_OVER. */
  claim: (connection: Connection, username: string) => Promise<void>;
}

export interface Credentials {
  username: string | undefined;
  password: Buffer | undefined;
}

/** Decides who may connect, under which client id, and with which session. */
export class Doorman {
  readonly #options: DoormanOptions;
  readonly #gatekeeper: Gatekeeper;
  /** Client ids whose session was there before the CONNECT that is being answered. */
  readonly #present = new Set<string>();

  constructor(options: DoormanOptions) {
    const { config, clock } = options;
    this.#options = options;
    this.#gatekeeper = new Gatekeeper({ accounts: config.accounts, siteKey: config.siteKey, clock });
  }

  /** Whether a client's session was there before its CONNECT; asked for once. */
  wasPresent(clientId: string): boolean {
    return this.#present.delete(clientId);
  }

  /** Throws what keeps the client out. Its kept session, if it wants one, is there and durable afterwards. */
  async admit(connection: Connection, credentials: Credentials): Promise<void> {
    const { store, config, claim } = this.#options;
    const { client, address } = connection;
    const identity = await this.#gatekeeper.identify({ address, ...credentials });
    connection.identity = identity;
    if (this.#options.isDraining() && !staysWhileDraining(identity.role)) {
      throw new LatticeError('BROKER_DRAINING', `"${config.id}" is being drained.`);
    }
    checkId(connection, identity);
    this.#checkOwner(client.id, identity.username);
    const will = client._will;
    if (will !== null && will !== undefined) {
      const fault = topicFault(will.topic);
      if (fault !== undefined) throw fault;
      if (!mayPublish(identity, config.site, will.topic)) {
        throw new LatticeError('TOPIC_FORBIDDEN', `"${identity.username}" may not have its will at "${will.topic}".`);
      }
    }
    if (!client.clean && !store.state.sessions.has(client.id)) this.#checkSessions(identity);
    await claim(connection, identity.username);
    this.#checkOwner(client.id, identity.username);
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
    this.#checkSessions(identity);
    await store.commit(record);
    this.#checkOwner(client.id, identity.username);
    if (connection.holders.length > 0) this.#present.add(client.id);
  }

  /** Counts and logs a refusal; returns it with the code that its CONNACK is to carry. */
  refuse({ client, address, identity }: Connection, error: unknown): Error & { returnCode: number } {
    const { counters, log } = this.#options;
    const reason = error instanceof LatticeError ? error : new LatticeError('INTERNAL', messageOf(error));
    counters.refused += 1;
    log.warn({ code: reason.code, clientId: client.id, address, username: identity?.username }, reason.message);
    return Object.assign(reason, { returnCode: connackCodeOf(reason) });
  }

  #checkSessions({ username, role }: Identity): void {
    const { store, config } = this.#options;
    if (store.state.sessions.size >= config.limits.sessionsMax) {
      throw new LatticeError('SESSIONS_EXHAUSTED', `There are ${config.limits.sessionsMax} kept sessions.`);
    }
    const { sessionsPerAccountMax, sessionsPerMachineMax } = config.limits;
    const max = role === 'operator' || role === 'reader' ? sessionsPerAccountMax : sessionsPerMachineMax;
    let count = 0;
    for (const session of store.state.sessions.values()) if (session.username === username) count += 1;
    if (count >= max) throw new LatticeError('SESSIONS_EXHAUSTED', `"${username}" has ${max} kept sessions.`);
  }

  /** A client id belongs to the account that uses it, or whose session it is. */
  #checkOwner(clientId: string, username: string): void {
    const { store, connectedAs } = this.#options;
    const owner = store.state.sessions.get(clientId)?.username ?? connectedAs(clientId);
    if (owner === undefined || owner === username) return;
    throw new LatticeError('CLIENT_ID_TAKEN', `"${username}" wants the client id "${clientId}" of another account.`);
  }

  /** The account may have lost rights since it subscribed. */
  #dropForbidden(clientId: string, session: Session, identity: Identity): void {
    const { store, config } = this.#options;
    const filters = [...session.subscriptions.keys()].filter((each) => !maySubscribe(identity, config.site, each));
    if (filters.length > 0) store.commit({ kind: 'unsubscribe', clientId, filters }).catch(() => {});
  }
}

/**
 * Devices and gateways have ids of their own, so that none can take the place of another: the user name, or what begins
 * with it and a slash, which no user name of a machine contains. An id that the broker made up is nobody's.
 */
function checkId({ client, isIdMadeUp }: Connection, { username, role }: Identity): void {
  if (role !== 'device' && role !== 'gateway') return;
  if (isIdMadeUp || client.id === username || client.id.startsWith(`${username}/`)) return;
  const rule = `must be "${username}" or begin with "${username}/"`;
  throw new LatticeError('CLIENT_ID_TAKEN', `The client id "${client.id}" ${rule}.`);
}
