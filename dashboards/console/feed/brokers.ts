import { connect, type MqttClient } from 'mqtt';
import { messageOf } from '../../../core/errors/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import { meshFilter, type TopicKind } from '../../../core/wire/index.ts';

/** What the console listens to. Cheap to lose (QoS 0): the next message says it again, and history is in the store. */
const KINDS: readonly TopicKind[] = ['health', 'availability', 'meta', 'state', 'deadletter'];
const RECONNECT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;
const KEEPALIVE_S = 15;
const SUBSCRIBE_RETRY_MS = 5_000;

export interface BrokerFeedEvents {
  /** A connection came or went. */
  connection(id: string, up: boolean): void;
  /** The broker that messages come from now; null when there is none. */
  listeningTo(id: string | null): void;
  message(topic: string, payload: Uint8Array): void;
  /** The reason of a failed attempt, for the log. */
  fault(id: string, reason: string): void;
}

export interface BrokerFeedOptions {
  site: string;
  brokers: readonly { id: string; host: string; port: number }[];
  /** Of the account `console`. */
  password: string;
  clock: Clock;
  events: BrokerFeedEvents;
}

interface Line {
  id: string;
  client: MqttClient;
  up: boolean | undefined;
}

/**
 * One connection to every broker, so that the page knows which are there, and the subscription on one of them: the first
 * that is up, until it goes; then the next.
 */
export class BrokerFeed {
  readonly #options: BrokerFeedOptions;
  #lines: Line[] = [];
  #active: Line | undefined;
  #stopped = false;

  constructor(options: BrokerFeedOptions) {
    this.#options = options;
  }

  start(): void {
    for (const { id, host, port } of this.#options.brokers) {
      const client = connect({
        protocol: 'mqtt',
        host,
        port,
        protocolVersion: 4,
        username: 'console',
        password: this.#options.password,
        clean: true,
        // Subscribing is ours to do: only one line carries the messages.
        resubscribe: false,
        reconnectPeriod: RECONNECT_MS,
        connectTimeout: CONNECT_TIMEOUT_MS,
        keepalive: KEEPALIVE_S,
      });
      const line: Line = { id, client, up: undefined };
      client.on('connect', () => this.#came(line));
      client.on('close', () => this.#went(line));
      client.on('error', (error) => this.#options.events.fault(id, messageOf(error)));
      client.on('message', (topic, payload) => {
        if (line === this.#active) this.#options.events.message(topic, payload);
      });
      this.#lines.push(line);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const lines = this.#lines;
    this.#lines = [];
    this.#active = undefined;
    await Promise.all(lines.map(({ client }) => client.endAsync(true)));
  }

  #came(line: Line): void {
    line.up = true;
    this.#options.events.connection(line.id, true);
    if (this.#active === undefined) this.#listenTo(line);
  }

  #went(line: Line): void {
    if (this.#stopped || line.up === false) return;
    line.up = false;
    this.#options.events.connection(line.id, false);
    if (line !== this.#active) return;
    this.#active = undefined;
    this.#options.events.listeningTo(null);
    this.#listenToNext(line);
  }

  #listenTo(line: Line): void {
    this.#active = line;
    const filters = KINDS.map((kind) => meshFilter({ site: this.#options.site, kind }));
    line.client.subscribe(filters, { qos: 0 }, (error, granted) => {
      if (this.#stopped || this.#active !== line) return;
      const refused = granted?.find(({ qos }) => qos === 128);
      if (error === null && refused === undefined) {
        this.#options.events.listeningTo(line.id);
        return;
      }
      this.#options.events.fault(line.id, error === null ? `${refused?.topic} was refused` : messageOf(error));
      this.#active = undefined;
      this.#options.events.listeningTo(null);
      this.#options.clock.setTimer(SUBSCRIBE_RETRY_MS, () => this.#listenToNext(line));
    });
  }

  /** Tries the next line that is up, in turn, so that one broker that refuses does not hide the others. */
  #listenToNext(after: Line): void {
    if (this.#stopped || this.#active !== undefined) return;
    const start = this.#lines.indexOf(after) + 1;
    const inTurn = [...this.#lines.slice(start), ...this.#lines.slice(0, start)];
    const next = inTurn.find(({ up }) => up === true);
    if (next !== undefined) this.#listenTo(next);
  }
}
