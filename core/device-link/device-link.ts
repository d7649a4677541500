import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { LatticeError, messageOf } from '../errors/index.ts';
import type { Random } from '../random/index.ts';
import { type Clock, delay, type Timer } from '../time/index.ts';
import { type DeviceMeta, meshTopic, type TopicKind } from '../wire/index.ts';
import { backoffMs } from './backoff.ts';
import type { ConnectGate } from './connect-gate.ts';

/**
 * The connection of one device to the mesh: it comes up at one of several brokers, says `online` and what the device is,
 * and when it is lost moves on to the next broker after a jittered wait. The last will says `offline`.
 *
 * What has not been acknowledged belongs to the caller. mqtt.js can resend from a store of its own after a reconnect, but
 * then nobody knows what is in flight, and callbacks of lost messages never come. So each connection is a fresh client
 * with a clean session, a message counts when its PUBACK has come on the present connection, and after `down` no more
 * acknowledgement of that connection is reported: whatever is left the caller publishes again on the next one.
 */
export interface Link {
  readonly isUp: boolean;
  /**
   * Publishes on the present connection. onAcknowledged is called once, on PUBACK at QoS 1 or when written at QoS 0, and
   * never after `down`. False when there is no connection; then nothing was sent.
   */
  publish(kind: TopicKind, payload: string, options: PublishOptions, onAcknowledged?: () => void): boolean;
  start(): void;
  /** Says `offline`, disconnects. Takes at most about a second. Safe twice. */
  stop(): Promise<void>;
}

export interface PublishOptions {
  qos: 0 | 1;
  retain?: boolean;
}

export interface DeviceLinkEvents {
  /** The connection is up; `meta` and `availability` are already on their way. */
  up(broker: string): void;
  /** The connection that was up is lost; what was not acknowledged has to be published again. */
  down(error: LatticeError): void;
  /** An attempt did not lead to a connection: AUTH_FAILED or UNREACHABLE. */
  refused(error: LatticeError): void;
}

export interface DeviceLinkOptions {
  site: string;
  device: string;
  meta: DeviceMeta;
  /** Tried in turn, from firstBroker on. */
  brokers: readonly string[];
  firstBroker?: number;
  username?: string | undefined;
  password?: string | undefined;
  /** PEM of the authority that signed the brokers' certificates, for mqtts. */
  ca?: string | undefined;
  clock: Clock;
  random: Random;
  gate?: ConnectGate;
  events: DeviceLinkEvents;
}

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_S = 30;
const OFFLINE_TIMEOUT_MS = 500;
/** A connection that lasted this long was a good one, and the wait before the next attempt is short again. */
const STABLE_MS = 5_000;
/** Two holders of one device id must not answer each other's `offline` without end. */
const REASSERT_DELAY_MS = 500;

/** CONNACK return codes of MQTT 3.1.1, section 3.2.2.3. */
const BAD_CREDENTIALS = 4;
const NOT_AUTHORIZED = 5;

export class DeviceLink implements Link {
  readonly #options: DeviceLinkOptions;
  readonly #stopping = new AbortController();
  #brokerIndex: number;
  #client: MqttClient | undefined;
  #lastBroker: string | undefined;
  #reassertTimer: Timer | undefined;
  #running: Promise<void> | undefined;

  constructor(options: DeviceLinkOptions) {
    this.#options = options;
    this.#brokerIndex = (options.firstBroker ?? 0) % options.brokers.length;
  }

  get isUp(): boolean {
    return this.#client !== undefined;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  publish(kind: TopicKind, payload: string, options: PublishOptions, onAcknowledged?: () => void): boolean {
    const client = this.#client;
    if (client === undefined) return false;
    const { site, device } = this.#options;
    client.publish(
      meshTopic(site, device, kind),
      payload,
      { qos: options.qos, retain: options.retain ?? false },
      (error) => {
        // mqtt.js also calls back with an error when it throws its queue away.
        if (!error && this.#client === client) onAcknowledged?.();
      },
    );
    return true;
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return this.#running;
    const client = this.#client;
    if (client !== undefined) {
      const timeout = new AbortController();
      const said = new Promise<void>((resolve) => {
        this.publish('availability', 'offline', { qos: 1, retain: true }, resolve);
      });
      await Promise.race([said, delay(this.#options.clock, OFFLINE_TIMEOUT_MS, timeout.signal)]);
      timeout.abort();
    }
    this.#stopping.abort();
    this.#reassertTimer?.cancel();
    return this.#running;
  }

  async #run(): Promise<void> {
    const { brokers, clock, random, gate } = this.#options;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const leaveGate = (await gate?.enter()) ?? (() => {});
      const startedAtMs = clock.monotonicMs();
      const broker = brokers[this.#brokerIndex] as string;
      try {
        const wasUp = signal.aborted ? false : await this.#session(broker, leaveGate);
        if (wasUp && clock.monotonicMs() - startedAtMs >= STABLE_MS) failures = 0;
      } finally {
        leaveGate();
      }
      this.#brokerIndex = (this.#brokerIndex + 1) % brokers.length;
      // All brokers get their turn before the wait grows.
      if (!signal.aborted) await delay(clock, backoffMs(Math.floor(failures++ / brokers.length), random), signal);
    }
  }

  /** One connection from its attempt to its end. Resolves with whether it was ever up. */
  #session(broker: string, leaveGate: () => void): Promise<boolean> {
    const { clock, events } = this.#options;
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      let client: MqttClient;
      try {
        client = connect(broker, this.#clientOptions());
      } catch (error) {
        // An address or a certificate that cannot be: the next broker's may.
        events.refused(new LatticeError('UNREACHABLE', `${broker}: ${messageOf(error)}.`, { cause: error }));
        resolve(false);
        return;
      }
      let ended = false;
      let wasUp = false;
      const end = (error: LatticeError): void => {
        if (ended) return;
        ended = true;
        signal.removeEventListener('abort', onStop);
        if (this.#client === client) this.#client = undefined;
        client.end(true);
        if (!signal.aborted) {
          if (wasUp) events.down(error);
          else events.refused(error);
        }
        resolve(wasUp);
      };
      const onStop = (): void => {
        this.#client = undefined;
        const stopped = new LatticeError('UNREACHABLE', 'stopped.');
        if (!wasUp) {
          end(stopped);
          return;
        }
        // A DISCONNECT keeps the broker from publishing the will; mqtt.js sends it only once nothing is outstanding.
        const timer = clock.setTimer(OFFLINE_TIMEOUT_MS, () => client.stream.destroy());
        client.on('close', () => timer.cancel());
        client.end(false, () => end(stopped));
      };
      signal.addEventListener('abort', onStop, { once: true });
      client.on('error', (error) => end(connectError(error, broker)));
      client.on('close', () => end(new LatticeError('UNREACHABLE', `${broker} closed the connection.`)));
      client.on('connect', () => {
        if (ended) return;
        wasUp = true;
        leaveGate();
        this.#client = client;
        this.#announce(client, broker);
        events.up(broker);
      });
    });
  }

  #announce(client: MqttClient, broker: string): void {
    const { meta, site, device } = this.#options;
    this.publish('meta', JSON.stringify(meta), { qos: 1, retain: true });
    this.publish('availability', 'online', { qos: 1, retain: true });
    if (this.#lastBroker !== undefined && this.#lastBroker !== broker) {
      // The broker that was lost may publish the will after this `online`, and the later one would stand.
      client.on('message', (_topic, payload) => this.#reassert(client, payload));
      client.subscribe(meshTopic(site, device, 'availability'), { qos: 0 }, () => {});
    }
    this.#lastBroker = broker;
  }

  #reassert(client: MqttClient, payload: Uint8Array): void {
    if (Buffer.from(payload).toString() !== 'offline' || this.#reassertTimer !== undefined) return;
    this.#reassertTimer = this.#options.clock.setTimer(REASSERT_DELAY_MS, () => {
      this.#reassertTimer = undefined;
      if (this.#client !== client || this.#stopping.signal.aborted) return;
      this.publish('availability', 'online', { qos: 1, retain: true });
    });
  }

  #clientOptions(): IClientOptions {
    const { site, device, username, password, ca } = this.#options;
    return {
      clientId: device,
      protocolVersion: 4,
      clean: true,
      keepalive: KEEPALIVE_S,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      // The cache is 65,536 buffers, one for each packet id: 10 MB.
      writeCache: false,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { ca }),
      will: { topic: meshTopic(site, device, 'availability'), payload: Buffer.from('offline'), qos: 1, retain: true },
    };
  }
}

function connectError(error: Error, broker: string): LatticeError {
  const code = 'code' in error ? error.code : undefined;
  if (code === BAD_CREDENTIALS || code === NOT_AUTHORIZED) {
    return new LatticeError('AUTH_FAILED', `${broker} refused the user name or the password.`, { cause: error });
  }
  // Node gives an AggregateError without a text when every address of a host refused.
  return new LatticeError('UNREACHABLE', `${broker}: ${messageOf(error) || String(code ?? 'no answer')}.`, {
    cause: error,
  });
}
