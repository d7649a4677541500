import { maySubscribe, topicFault } from '../access/index.ts';
import type { BrokerConfig } from '../config.ts';
import type { Counters } from '../counters.ts';
import type { Session, StoredSubscription } from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { Connection } from './connection.ts';
import { SESSION_MARKER } from './live-persistence.ts';
import type { Switchboard } from './switchboard.ts';
import type { ThrottledLog } from './throttled-log.ts';

export interface SubscriptionsOptions {
  config: BrokerConfig;
  store: BrokerStore;
  switchboard: Switchboard;
  counters: Counters;
  log: ThrottledLog;
}

export type Granted = (error: Error | null, subscription?: unknown) => void;

const REFUSED_FILTERS_LOGGED_MAX = 10;
const FILTER_CHARS_LOGGED_MAX = 256;

/** Decides what clients may subscribe to, and notes what clean sessions have subscribed to. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Answers with the subscription, or with null when it is refused. */
  authorize(connection: Connection, subscription: StoredSubscription, done: Granted): void {
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
    if (held === undefined || isTooMany || !this.#maySubscribe(connection, topic)) {
      this.#refuse(connection, topic);
      done(null, null);
      return;
    }
    if (!isHeld) connection.granted.add(topic);
    // What was published before must be retained before, or the subscriber would miss it or see it unflagged. For a kept
    // session the journal sees to that, since the subscription goes into it; but every filter of the SUBSCRIBE must have
    // been judged before the first is stored, since they are stored together.
    if (connection.client.clean) this.#options.store.after(() => done(null, subscription));
    else queueMicrotask(() => done(null, subscription));
  }

  /** Whether the client was granted a filter that it asked for. */
  wasGranted(connection: Connection, filter: string): boolean {
    const { granted, courier } = connection;
    const isGranted = granted.has(filter) || courier?.session.subscriptions.has(filter) === true;
    return isGranted && this.#maySubscribe(connection, filter);
  }

  /** Clean sessions are subscribed where Aedes notes that they are; its events do not tell of every case. */
  watch(connection: Connection): void {
    const { clean } = this.#options.switchboard;
    const { client } = connection;
    const sessionOf = (): Session | undefined => {
      const { courier } = connection;
      return courier?.isKept === false ? courier.session : undefined;
    };
    client.subscriptions = new Proxy(client.subscriptions, {
      set: (target, filter: string, value: { qos: 0 | 1 | 2 }) => {
        target[filter] = value;
        connection.granted.delete(filter);
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

  /** One line for all that are refused in one turn, since a SUBSCRIBE may hold tens of thousands. */
  #refuse(connection: Connection, filter: string): void {
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
      this.#options.log.warn({ ...fields, count: refused.length }, 'subscriptions were refused');
    });
  }

  #maySubscribe({ identity }: Connection, filter: string): boolean {
    if (identity === undefined || topicFault(filter) !== undefined) return false;
    return maySubscribe(identity, this.#options.config.site, filter);
  }
}
