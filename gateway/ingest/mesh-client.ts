import mqtt, { type MqttClient } from 'mqtt';
import { type Clock, delay } from '../../core/time/index.ts';
import { SHARD_COUNT, shardTopic } from '../../core/wire/index.ts';
import { acknowledgeWhenDurable } from './durable-acks.ts';

/** Messages that may wait for their sync at once. */
const IN_FLIGHT_MAX = 2_000;
const RECONNECT_MS = 1_000;
const KEEPALIVE_S = 15;
/** How long `stop` waits for a clean disconnect. */
const END_TIMEOUT_MS = 1_000;

export interface MeshClientOptions {
  clock: Clock;
  url: string;
  /** The gateway's id: user name, and name of the session that the broker keeps. */
  gatewayId: string;
  password: string;
  shards: readonly number[];
  /** Filters beside those of the shards. */
  filters: readonly string[];
  /** Resolves when the message may be acknowledged. */
  take: (topic: string, payload: Uint8Array) => Promise<void>;
  /** The disk did not take a message; the connection was cut and the broker will deliver it again. */
  onFault: (error: unknown) => void;
  onState: (isUp: boolean) => void;
  /** The broker refused the connection or the connection failed; it is tried again. */
  onError: (error: Error) => void;
}

/** A gateway's connection to its broker: a kept session over the shards that it owns. */
export class MeshClient {
  readonly #options: MeshClientOptions;
  #client: MqttClient | undefined;
  #markSubscribed: () => void = () => {};
  /** Resolves once the broker keeps a session with every filter, so that from then on no reading passes by. */
  readonly subscribed = new Promise<void>((resolve) => {
    this.#markSubscribed = resolve;
  });

  constructor(options: MeshClientOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#client?.connected ?? false;
  }

  start(): void {
    const { url, gatewayId, password, onState, onError } = this.#options;
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
      onFault: this.#options.onFault,
      inFlightMax: IN_FLIGHT_MAX,
    });
    client.on('connect', () => {
      onState(true);
      this.#subscribe(client).then(this.#markSubscribed, onError);
    });
    client.on('close', () => onState(false));
    client.on('error', onError);
  }

  async publish(topic: string, payload: string, options: { qos: 0 | 1; retain: boolean }): Promise<void> {
    await this.#client?.publishAsync(topic, payload, options);
  }

  async stop(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    this.#client = undefined;
    await Promise.race([client.endAsync(), delay(this.#options.clock, END_TIMEOUT_MS)]);
    client.end(true);
  }

  /** The kept session may hold shards of an earlier list of members, whose readings are another's now. */
  async #subscribe(client: MqttClient): Promise<void> {
    const { shards, filters } = this.#options;
    const owned = new Set(shards);
    const others = Array.from({ length: SHARD_COUNT }, (_, shard) => shard).filter((shard) => !owned.has(shard));
    await client.subscribeAsync([...shards.map(shardFilter), ...filters], { qos: 1 });
    if (others.length > 0) await client.unsubscribeAsync(others.map(shardFilter));
  }
}

function shardFilter(shard: number): string {
  return shardTopic(shard, 'mesh/v1/#');
}
