import mqtt, { type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt';
import { LatticeError, messageOf } from '../../core/errors/index.ts';
import { acknowledgeWhenDurable } from '../../core/mqtt/index.ts';
import type { StoredSubscription } from '../state/index.ts';
import type { BridgeConfig } from './config.ts';
import { connectFault } from './faults.ts';
import type { InMessage } from './inbox.ts';
import type { EchoMemory } from './loop-guard.ts';
import type { Lane, OutMessage } from './outbox.ts';
import { formatPath, parsePath } from './path.ts';
import type { BridgeSecrets } from './secrets.ts';

export interface ConnectionOptions {
  config: BridgeConfig;
  secrets: BridgeSecrets;
  clientId: string;
  /** Whether a CONNECT of MQTT 3.1.1 says that this is a bridge. */
  saysBridge: boolean;
  /** Outlives the connection, since the other broker may keep what comes back while the bridge is down. */
  echoes: EchoMemory;
  /** The largest packet to be taken. */
  packetBytesMax: number;
  subscriptions: readonly StoredSubscription[];
  /** Whether the session that the other broker may have kept is known to hold the subscriptions. */
  isSubscribed: boolean;
  take: (message: InMessage, echoes: EchoMemory | undefined) => Promise<void>;
  onUp: (lane: Lane) => void;
  onSubscribed: () => void;
  /** The other broker does not grant some of the subscriptions; the others work. */
  onWithheld: (error: LatticeError) => void;
  /** There may be room on the lane again. */
  onRoom: () => void;
  /** Told once; an attempt that failed ends like a connection that broke. Nothing is told after it. */
  onEnd: (error: LatticeError) => void;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Messages that were taken and wait for their sync; at the bound nothing more is read. */
const INBOUND_MAX = 1_000;
const FOR_EVER_S = 0xff_ff_ff_ff;
/** Fixed header, length of the topic, packet id, and the path. */
const PACKET_BYTES_EXTRA = 1_024;

/** One connection to the other broker, from the attempt to the end. MQTT.js neither reconnects nor sends again; the bridge does. */
export class BridgeConnection {
  readonly #options: ConnectionOptions;
  readonly #client: MqttClient;
  readonly #echoes: EchoMemory | undefined;
  #hasEnded = false;

  /** Throws what MQTT.js does not accept, such as a certificate that is none. */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { config, saysBridge, echoes, take } = options;
    // MQTT 5 has No Local, and whoever understands the bridge bit does the same.
    this.#echoes = config.protocolVersion === 4 && !saysBridge ? echoes : undefined;
    const client = mqtt.connect(config.url, this.#clientOptions());
    this.#client = client;
    acknowledgeWhenDurable(client, {
      take: (packet) => take(inMessageOf(packet), this.#echoes),
      onFault: (error) =>
        this.#end(new LatticeError('BRIDGE_DOWN', `a message could not be stored: ${messageOf(error)}`)),
      inFlightMax: INBOUND_MAX,
    });
    client.on('packetsend', (packet) => {
      // mqtt-packet writes the bit, and MQTT.js has no option for it.
      const isMarked = packet.cmd === 'connect' && config.protocolVersion === 4 && saysBridge;
      if (isMarked) Object.assign(packet, { bridgeMode: true });
    });
    client.on('connect', (connack) => this.#connected(connack));
    client.on('error', (error) => this.#end(connectFault(error, config)));
    client.on('close', () => this.#end(new LatticeError('BRIDGE_DOWN', `${config.url} closed the connection.`)));
    client.connect();
  }

  /** If it is up: waits until nothing is outstanding, and says DISCONNECT. */
  async disconnect(): Promise<void> {
    if (this.#client.connected) await this.#client.endAsync();
  }

  /** Cuts the connection, if it is not cut already. */
  cut(): void {
    this.#end(new LatticeError('BRIDGE_DOWN', 'stopped.'));
  }

  #end(error: LatticeError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#client.end(true);
    this.#options.onEnd(error);
  }

  #connected(connack: IConnackPacket): void {
    const { isSubscribed, subscriptions, onSubscribed, onUp, onRoom } = this.#options;
    if (connack.sessionPresent && isSubscribed) onSubscribed();
    else if (subscriptions.length > 0) this.#subscribe();
    this.#client.stream.on('drain', onRoom);
    onUp(this.#laneOf(connack));
  }

  #subscribe(): void {
    const { subscriptions, config, onSubscribed, onWithheld } = this.#options;
    const options = config.protocolVersion === 5 ? ({ nl: true, rap: true, rh: 1 } as const) : {};
    const wanted = Object.fromEntries(subscriptions.map(({ topic, qos }) => [topic, { qos, ...options }]));
    this.#client.subscribe(wanted, (error, _granted, packet) => {
      if (this.#hasEnded) return;
      if (!error) {
        onSubscribed();
        return;
      }
      const granted = packet?.cmd === 'suback' ? packet.granted : [];
      const refused = subscriptions.filter((_, at) => typeof granted[at] !== 'number' || granted[at] >= 0x80);
      const filters = refused.map(({ topic }) => topic).join(', ');
      onWithheld(new LatticeError('BRIDGE_REFUSED', `${config.url} does not let the bridge subscribe to ${filters}.`));
    });
  }

  #laneOf({ properties }: IConnackPacket): Lane {
    const { config } = this.#options;
    const client = this.#client;
    const isV5 = config.protocolVersion === 5;
    const mayRetain = properties?.retainAvailable !== false;
    return {
      inflightMax: Math.min(config.inflightMessagesMax, properties?.receiveMaximum ?? config.inflightMessagesMax),
      bytesMax: (properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY) - PACKET_BYTES_EXTRA,
      carriesPath: isV5,
      echoes: this.#echoes,
      isFull: () => client.stream.writableNeedDrain,
      publish: ({ topic, payload, qos, retain, dup, path }: OutMessage, done) => {
        const properties = isV5 ? { properties: { userProperties: formatPath(path) } } : {};
        client.publish(topic, payload, { qos, retain: retain && mayRetain, dup, ...properties }, (error) => {
          if (!this.#hasEnded) done(error ?? undefined);
        });
      },
    };
  }

  #clientOptions(): IClientOptions {
    const { config, secrets, clientId, packetBytesMax } = this.#options;
    const { username, keepaliveS, cleanStart, protocolVersion } = config;
    const sessionExpiryInterval = cleanStart ? 0 : FOR_EVER_S;
    const properties = { sessionExpiryInterval, receiveMaximum: INBOUND_MAX, maximumPacketSize: packetBytesMax };
    return {
      ...secrets,
      clientId,
      protocolVersion,
      clean: cleanStart,
      keepalive: keepaliveS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      manualConnect: true,
      resubscribe: false,
      queueQoSZero: false,
      // The cache is 65,536 buffers, one for each packet id: 10 MB.
      writeCache: false,
      ...(username === undefined ? {} : { username }),
      ...(protocolVersion === 5 ? { properties } : {}),
    };
  }
}

function inMessageOf({ topic, payload, qos, retain, properties }: IPublishPacket): InMessage {
  const path = parsePath(properties?.userProperties as Record<string, string | string[]> | undefined);
  return { topic, payload: Buffer.from(payload as Buffer), qos, retain, path };
}
