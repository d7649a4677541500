import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import { type ConnectionEnd, connectError, isTurnedAway, Roaming } from '../../core/device-link/index.ts';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import { acknowledgeWhenDurable } from '../../core/mqtt/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import { BROKERS_TOPIC, SHARD_COUNT, shardTopic } from '../../core/wire/index.ts';

/** Messages that may wait for their sync at once. */
const IN_FLIGHT_MAX = 2_000;
/** Own messages (discovery, dead letters) that may wait for their acknowledgement; beyond it publishing is refused. */
const UNACKNOWLEDGED_MAX = 1_000;
const KEEPALIVE_S = 15;
const CONNECT_TIMEOUT_MS = 10_000;
/** Its unread messages wait at the broker that was lost, and one that is started again is back sooner than this. */
const PATIENCE_MS = 5_000;
/** How long the acknowledgements of own messages are awaited before it leaves its broker. */
const LEAVE_TIMEOUT_MS = 2_000;
/** How long `stop` waits for a clean disconnect. */
const END_TIMEOUT_MS = 1_000;

export interface MeshClientOptions {
  clock: Clock;
  random: Random;
  log: Logger;
  /** Brokers to begin with, its own first; they tell of others. */
  brokers: readonly string[];
  /** The gateway's id: user name, and name of the session that the broker keeps. */
  gatewayId: string;
  password: string;
  shards: readonly number[];
  /** Filters beside those of the shards. */
  filters: readonly string[];
  /** Resolves when the message may be acknowledged; rejects when the disk does not take it. */
  take: (topic: string, payload: Uint8Array) => Promise<void>;
}

/**
 * A gateway's connection to its broker: a kept session over the shards that it owns.
 *
 * It stays with its own broker while that one is well. When the connection breaks it waits for it a little, since its unread
 * messages are there, and then goes to another; when the broker drains or turns it away it goes at once. When its own broker
 * is well again it goes back.
 */
export class MeshClient {
  readonly #options: MeshClientOptions;
  readonly #roaming: Roaming;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #client: MqttClient | undefined;
  /** Rejects when the present connection ends. */
  #lost = Promise.withResolvers<never>();
  #isSubscribed = false;
  #isLeaving = false;
  #hasFault = false;
  #unacknowledged = 0;
  #markSubscribed: () => void = () => {};
  /** Resolves once the broker keeps a session with every filter, so that from then on no reading passes by. */
  readonly subscribed = new Promise<void>((resolve) => {
    this.#markSubscribed = resolve;
  });

  constructor(options: MeshClientOptions) {
    this.#options = options;
    this.#roaming = new Roaming({ ...options, ownBroker: 0, patienceMs: PATIENCE_MS, onLeave: () => this.#leave() });
  }

  /** Whether readings come in: connected, and subscribed. */
  get isUp(): boolean {
    return this.#isSubscribed;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the broker has the message. Rejects at once when it is away or does not keep up. */
  async publish(topic: string, payload: string | Uint8Array, options: { qos: 0 | 1; retain: boolean }): Promise<void> {
    const client = this.#client;
    if (client === undefined || !client.connected || this.#isLeaving)
      throw new LatticeError('UNREACHABLE', 'The broker is away.');
    if (this.#unacknowledged >= UNACKNOWLEDGED_MAX) throw new LatticeError('UNREACHABLE', 'The broker is too slow.');
    this.#unacknowledged++;
    try {
      // MQTT.js does not call back for what a connection that breaks had under way.
      await Promise.race([client.publishAsync(topic, asPayload(payload), options), this.#lost.promise]);
    } finally {
      this.#unacknowledged--;
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#roaming.stop();
    this.#isSubscribed = false;
    const client = this.#client;
    if (client !== undefined) {
      await Promise.race([client.endAsync(), delay(this.#options.clock, END_TIMEOUT_MS)]);
      client.stream.destroy();
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#roaming.wait(signal);
      if (!signal.aborted) this.#roaming.ended(await this.#connection(this.#roaming.next()));
    }
  }

  /** One connection from its attempt to its end. */
  #connection(broker: string): Promise<ConnectionEnd> {
    const log = this.#options.log.child({ broker });
    return new Promise((resolve) => {
      const client = mqtt.connect(broker, this.#clientOptions());
      this.#client = client;
      this.#lost = Promise.withResolvers<never>();
      this.#lost.promise.catch(() => {});
      this.#hasFault = false;
      let end: ConnectionEnd = 'failed';
      acknowledgeWhenDurable(client, {
        take: (packet) => this.#take(packet.topic, packet.payload as Buffer),
        onFault: (error) => this.#noteFault(error, log),
        inFlightMax: IN_FLIGHT_MAX,
      });
      client.on('connect', () => {
        this.#roaming.connected(broker);
        void this.#subscribe(client, log);
      });
      client.on('error', (error) => {
        log.warn({ reason: connectError(error, broker).message }, 'no connection to the broker');
        if (isTurnedAway(error)) end = 'turnedAway';
        client.end(true);
      });
      client.on('close', () => {
        if (this.#client !== client) return;
        if (this.#isLeaving) log.info({ code: 'CLIENT_MOVED' }, 'going to another broker');
        else if (this.#isSubscribed) log.warn('the connection to the broker is closed');
        if (this.#isLeaving) end = 'left';
        this.#client = undefined;
        this.#isSubscribed = false;
        this.#isLeaving = false;
        this.#lost.reject(new LatticeError('UNREACHABLE', 'The connection to the broker ended.'));
        resolve(end);
      });
    });
  }

  /** Messages that are not acknowledged yet stay in the session, and come again over the next connection. */
  #leave(): void {
    const client = this.#client;
    if (client === undefined || this.#isLeaving) return;
    this.#isLeaving = true;
    const timer = this.#options.clock.setTimer(LEAVE_TIMEOUT_MS, () => client.stream.destroy());
    client.on('close', () => timer.cancel());
    client.end();
  }

  async #take(topic: string, payload: Uint8Array): Promise<void> {
    if (topic === BROKERS_TOPIC) this.#roaming.takeList(payload);
    else await this.#options.take(topic, payload);
  }

  #clientOptions(): IClientOptions {
    const { gatewayId, password } = this.#options;
    return {
      clientId: gatewayId,
      username: gatewayId,
      password,
      clean: false,
      protocolVersion: 4,
      keepalive: KEEPALIVE_S,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      // What was published while the connection was down is old news by then, and readings never go this way.
      queueQoSZero: false,
      resubscribe: false,
    };
  }

  /** The kept session may hold shards of an earlier list of members, whose readings are another's now. */
  async #subscribe(client: MqttClient, log: Logger): Promise<void> {
    const { shards, filters } = this.#options;
    const owned = new Set(shards);
    const others = Array.from({ length: SHARD_COUNT }, (_, shard) => shard).filter((shard) => !owned.has(shard));
    try {
      const granted = await client.subscribeAsync([...shards.map(shardFilter), ...filters, BROKERS_TOPIC], { qos: 1 });
      const refused = granted.find(({ qos }) => qos > 2);
      if (refused !== undefined) throw new LatticeError('TOPIC_FORBIDDEN', `No right to ${refused.topic}.`);
      if (others.length > 0) await client.unsubscribeAsync(others.map(shardFilter));
      this.#isSubscribed = true;
      log.info({ shards: shards.length }, 'connected and subscribed');
      this.#markSubscribed();
    } catch (error) {
      // Connected without its shards a gateway would be idle for ever: the next connection tries again.
      log.warn({ code: codeOf(error), reason: messageOf(error) }, 'the broker did not take the subscriptions');
      client.stream.destroy();
    }
  }

  /** Once for each connection: what the broker had in flight fails together. */
  #noteFault(error: unknown, log: Logger): void {
    if (this.#hasFault) return;
    this.#hasFault = true;
    log.error({ code: codeOf(error), reason: messageOf(error) }, 'messages could not be buffered and will come again');
  }
}

function shardFilter(shard: number): string {
  return shardTopic(shard, 'mesh/v1/#');
}

function asPayload(payload: string | Uint8Array): string | Buffer {
  if (typeof payload === 'string') return payload;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}
