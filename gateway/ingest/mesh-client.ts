import mqtt, { type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import { SHARD_COUNT, shardTopic } from '../../core/wire/index.ts';
import { acknowledgeWhenDurable } from './durable-acks.ts';

/** Messages that may wait for their sync at once. */
const IN_FLIGHT_MAX = 2_000;
/** Own messages (discovery, dead letters) that may wait for their acknowledgement; beyond it publishing is refused. */
const UNACKNOWLEDGED_MAX = 1_000;
const RECONNECT_MS = 1_000;
const KEEPALIVE_S = 15;
/** How long `stop` waits for a clean disconnect. */
const END_TIMEOUT_MS = 1_000;

export interface MeshClientOptions {
  clock: Clock;
  log: Logger;
  url: string;
  /** The gateway's id: user name, and name of the session that the broker keeps. */
  gatewayId: string;
  password: string;
  shards: readonly number[];
  /** Filters beside those of the shards. */
  filters: readonly string[];
  /** Resolves when the message may be acknowledged; rejects when the disk does not take it. */
  take: (topic: string, payload: Uint8Array) => Promise<void>;
}

/** A gateway's connection to its broker: a kept session over the shards that it owns. */
export class MeshClient {
  readonly #options: MeshClientOptions;
  readonly #log: Logger;
  #client: MqttClient | undefined;
  #isSubscribed = false;
  #hasFault = false;
  #unacknowledged = 0;
  #markSubscribed: () => void = () => {};
  /** Resolves once the broker keeps a session with every filter, so that from then on no reading passes by. */
  readonly subscribed = new Promise<void>((resolve) => {
    this.#markSubscribed = resolve;
  });

  constructor(options: MeshClientOptions) {
    this.#options = options;
    this.#log = options.log.child({ broker: options.url });
  }

  /** Whether readings come in: connected, and subscribed. */
  get isUp(): boolean {
    return this.#isSubscribed;
  }

  start(): void {
    const { url, gatewayId, password } = this.#options;
    const client = mqtt.connect(url, {
      clientId: gatewayId,
      username: gatewayId,
      password,
      clean: false,
      protocolVersion: 4,
      keepalive: KEEPALIVE_S,
      reconnectPeriod: RECONNECT_MS,
      // What was published while the connection was down is old news by then, and readings never go this way.
      queueQoSZero: false,
      resubscribe: false,
    });
    this.#client = client;
    acknowledgeWhenDurable(client, {
      take: (packet) => this.#options.take(packet.topic, packet.payload as Buffer),
      onFault: (error) => this.#noteFault(error),
      inFlightMax: IN_FLIGHT_MAX,
    });
    client.on('connect', () => void this.#subscribe(client));
    client.on('close', () => {
      if (this.#isSubscribed) this.#log.warn('the connection to the broker is closed');
      this.#isSubscribed = false;
      this.#hasFault = false;
    });
    client.on('error', (error) => this.#log.warn({ reason: error.message }, 'no connection to the broker'));
  }

  /** Resolves when the broker has the message. Rejects at once when it is away or does not keep up. */
  async publish(topic: string, payload: string, options: { qos: 0 | 1; retain: boolean }): Promise<void> {
    const client = this.#client;
    if (client === undefined || !client.connected) throw new LatticeError('UNREACHABLE', 'The broker is away.');
    if (this.#unacknowledged >= UNACKNOWLEDGED_MAX) throw new LatticeError('UNREACHABLE', 'The broker is too slow.');
    this.#unacknowledged++;
    try {
      await client.publishAsync(topic, payload, options);
    } finally {
      this.#unacknowledged--;
    }
  }

  async stop(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    this.#client = undefined;
    this.#isSubscribed = false;
    await Promise.race([client.endAsync(), delay(this.#options.clock, END_TIMEOUT_MS)]);
    client.end(true);
  }

  /** The kept session may hold shards of an earlier list of members, whose readings are another's now. */
  async #subscribe(client: MqttClient): Promise<void> {
    const { shards, filters } = this.#options;
    const owned = new Set(shards);
    const others = Array.from({ length: SHARD_COUNT }, (_, shard) => shard).filter((shard) => !owned.has(shard));
    try {
      const granted = await client.subscribeAsync([...shards.map(shardFilter), ...filters], { qos: 1 });
      const refused = granted.find(({ qos }) => qos > 2);
      if (refused !== undefined) throw new LatticeError('TOPIC_FORBIDDEN', `No right to ${refused.topic}.`);
      if (others.length > 0) await client.unsubscribeAsync(others.map(shardFilter));
      this.#isSubscribed = true;
      this.#log.info({ shards: shards.length }, 'connected and subscribed');
      this.#markSubscribed();
    } catch (error) {
      // Connected without its shards a gateway would be idle for ever: the next connection tries again.
      this.#log.warn({ code: codeOf(error), reason: messageOf(error) }, 'the broker did not take the subscriptions');
      client.stream.destroy();
    }
  }

  /** Once for each connection: what the broker had in flight fails together. */
  #noteFault(error: unknown): void {
    if (this.#hasFault) return;
    this.#hasFault = true;
    this.#log.error(
      { code: codeOf(error), reason: messageOf(error) },
      'messages could not be buffered and will come again',
    );
  }
}

function shardFilter(shard: number): string {
  return shardTopic(shard, 'mesh/v1/#');
}
