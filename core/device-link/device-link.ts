import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { LatticeError, messageOf } from '../errors/index.ts';
import type { Random } from '../random/index.ts';
import { type Clock, delay, type Timer } from '../time/index.ts';
import { BROKERS_TOPIC, type DeviceMeta, meshTopic, type TopicKind } from '../wire/index.ts';
import { connectError, isTurnedAway } from './connect-error.ts';
import type { ConnectGate } from './connect-gate.ts';
import { type ConnectionEnd, Roaming } from './roaming.ts';

/**
 * The connection of one device to the mesh: it comes up at one of several brokers, says `online` and what the device is,
 * and when it is lost moves on to another broker after a short jittered wait. The last will says `offline`. Which broker
 * comes next: see BrokerChoice.
 *
 * When its broker drains, or the one that it prefers is back, it moves: it takes nothing more from the caller, awaits the
 * PUBACKs that are outstanding, says DISCONNECT, and connects elsewhere. The caller sees a `down` and an `up`, as with any
 * other connection that ends.
 *
 * What has not been acknowledged belongs to the caller. mqtt.js can resend from a store of its own after a reconnect, but
 * then nobody knows what is in flight, and callbacks of lost messages never come. So each connection is a fresh client
 * with a clean session, a message counts when its PUBACK has come on the present connection, and after `down` no more
 * acknowledgement of that connection is reported: whatever is left the caller publishes again on the next one.
 */
export interface Link {
  /** Whether there is a connection that takes messages. */
  readonly isUp: boolean;
  /**
   * Publishes on the present connection. onAcknowledged is called once, on PUBACK at QoS 1 or when written at QoS 0, and
   * never after `down`. False when the link is not up; then nothing was sent.
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
  /** The connection that was up is over; what was not acknowledged has to be published again. */
  down(error: LatticeError): void;
  /** An attempt did not lead to a connection: AUTH_FAILED or UNREACHABLE. */
  refused(error: LatticeError): void;
  /** A message came in on a topic of this device's own, of one of the kinds that it `hears`. */
  heard?(kind: TopicKind, payload: Uint8Array): void;
}

export interface DeviceLinkOptions {
  site: string;
  device: string;
  meta: DeviceMeta;
  /** Those to begin with; our brokers tell of others. */
  brokers: readonly string[];
  /** Which of them the device prefers; see BrokerChoice. Left out: none. */
  ownBroker?: number;
  username?: string | undefined;
  password?: string | undefined;
  /** PEM of the authority that signed the brokers' certificates, for mqtts. */
  ca?: string | undefined;
  /** Kinds of its own topics that it subscribes to, at QoS 0. */
  hears?: readonly TopicKind[];
  clock: Clock;
  random: Random;
  gate?: ConnectGate;
  events: DeviceLinkEvents;
}

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_S = 30;
const OFFLINE_TIMEOUT_MS = 500;
/** How long PUBACKs are awaited before it leaves its broker; what is late is sent again elsewhere. */
const LEAVE_TIMEOUT_MS = 2_000;
/** Two holders of one device id must not answer each other's `offline` without end. */
const REASSERT_DELAY_MS = 500;

export class DeviceLink implements Link {
  readonly #options: DeviceLinkOptions;
  readonly #stopping = new AbortController();
  readonly #roaming: Roaming;
  #client: MqttClient | undefined;
  #isLeaving = false;
  #lastBroker: string | undefined;
  #reassertTimer: Timer | undefined;
  #running: Promise<void> | undefined;

  constructor(options: DeviceLinkOptions) {
    this.#options = options;
    this.#roaming = new Roaming({ ...options, onLeave: () => this.#leave() });
  }

  get isUp(): boolean {
    return this.#client !== undefined && !this.#isLeaving;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  publish(kind: TopicKind, payload: string, options: PublishOptions, onAcknowledged?: () => void): boolean {
    const client = this.#client;
    if (client === undefined || this.#isLeaving) return false;
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
    if (this.isUp) {
      const timeout = new AbortController();
      const said = new Promise<void>((resolve) => {
        this.publish('availability', 'offline', { qos: 1, retain: true }, resolve);
      });
      await Promise.race([said, delay(this.#options.clock, OFFLINE_TIMEOUT_MS, timeout.signal)]);
      timeout.abort();
    }
    this.#stopping.abort();
    this.#roaming.stop();
    this.#reassertTimer?.cancel();
    return this.#running;
  }

  async #run(): Promise<void> {
    const { gate } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#roaming.wait(signal);
      const leaveGate = (await gate?.enter()) ?? (() => {});
      try {
        if (!signal.aborted) this.#roaming.ended(await this.#connection(this.#roaming.next(), leaveGate));
      } finally {
        leaveGate();
      }
    }
  }

  /** One connection from its attempt to its end. */
  #connection(broker: string, leaveGate: () => void): Promise<ConnectionEnd> {
    const { events } = this.#options;
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      let client: MqttClient;
      try {
        client = connect(broker, this.#clientOptions());
      } catch (error) {
        // An address or a certificate that cannot be: the next broker's may.
        events.refused(new LatticeError('UNREACHABLE', `${broker}: ${messageOf(error)}.`, { cause: error }));
        resolve('failed');
        return;
      }
      let ended = false;
      let wasUp = false;
      const end = (error: LatticeError, how: ConnectionEnd): void => {
        if (ended) return;
        ended = true;
        signal.removeEventListener('abort', onStop);
        if (this.#client === client) this.#client = undefined;
        this.#isLeaving = false;
        client.end(true);
        if (!signal.aborted) {
          if (wasUp) events.down(error);
          else events.refused(error);
        }
        resolve(how);
      };
      const onStop = (): void => {
        this.#client = undefined;
        const stopped = new LatticeError('UNREACHABLE', 'stopped.');
        // While it leaves it cannot say `offline` any more: the will does.
        if (this.#isLeaving) client.stream.destroy();
        if (wasUp && !this.#isLeaving) this.#disconnect(client, OFFLINE_TIMEOUT_MS, () => end(stopped, 'failed'));
        else end(stopped, 'failed');
      };
      signal.addEventListener('abort', onStop, { once: true });
      client.on('error', (error) => end(connectError(error, broker), isTurnedAway(error) ? 'turnedAway' : 'failed'));
      client.on('close', () => {
        if (this.#isLeaving) end(new LatticeError('CLIENT_MOVED', `${broker} was left for another broker.`), 'left');
        else end(new LatticeError('UNREACHABLE', `${broker} closed the connection.`), 'failed');
      });
      client.on('connect', () => {
        if (ended) return;
        wasUp = true;
        leaveGate();
        this.#client = client;
        this.#roaming.connected(broker);
        this.#announce(client, broker);
        events.up(broker);
      });
    });
  }

  #leave(): void {
    const client = this.#client;
    if (client === undefined || this.#isLeaving) return;
    this.#isLeaving = true;
    this.#disconnect(client, LEAVE_TIMEOUT_MS, () => {});
  }

  /** Says DISCONNECT, which keeps the broker from publishing the will; mqtt.js sends it once nothing is outstanding. */
  #disconnect(client: MqttClient, timeoutMs: number, onEnded: () => void): void {
    const timer = this.#options.clock.setTimer(timeoutMs, () => client.stream.destroy());
    client.on('close', () => timer.cancel());
    client.end(false, onEnded);
  }

  #announce(client: MqttClient, broker: string): void {
    const { meta, site, device, hears = [], events } = this.#options;
    const heard = new Map(hears.map((kind) => [meshTopic(site, device, kind), kind]));
    this.publish('meta', JSON.stringify(meta), { qos: 1, retain: true });
    this.publish('availability', 'online', { qos: 1, retain: true });
    const own = meshTopic(site, device, 'availability');
    const filters = [BROKERS_TOPIC, ...heard.keys()];
    // The broker that was lost may publish the will after this `online`, and the later one would stand.
    if (this.#lastBroker !== undefined && this.#lastBroker !== broker) filters.push(own);
    client.on('message', (topic, payload) => {
      const kind = heard.get(topic);
      if (kind !== undefined) events.heard?.(kind, payload);
      else if (topic === BROKERS_TOPIC) this.#roaming.takeList(payload);
      else if (topic === own) this.#reassert(client, payload);
    });
    client.subscribe(filters, { qos: 0 }, () => {});
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
