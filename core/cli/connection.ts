import { resolve } from 'node:path';
import mqtt, { ErrorWithSubackPacket, type MqttClient } from 'mqtt';
import { LatticeError, messageOf } from '../errors/index.ts';
import { type Endpoints, loadEndpoints, readSecrets } from '../mesh/index.ts';

/** How a client command finds its broker: the mesh of a data folder, or an address and an account given outright. */
export interface ConnectionOptions {
  data: string;
  broker?: string | undefined;
  username?: string | undefined;
  password?: string | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;

/** Connects as the options say. Throws UNREACHABLE, AUTH_FAILED. */
export function connectClient(options: ConnectionOptions): Promise<MqttClient> {
  return connectTo(addressOf(options));
}

/** Connects to one of a mesh's brokers as its operator. Throws UNREACHABLE, AUTH_FAILED. */
export function connectToBroker(
  endpoints: Endpoints,
  { host, port }: Endpoints['brokers'][number],
): Promise<MqttClient> {
  const { username, password } = endpoints;
  return connectTo({ url: `mqtt://${host}:${port}`, username, password });
}

/** One try: a command says at once what is wrong instead of trying for ever. */
async function connectTo({ url, username, password }: Address): Promise<MqttClient> {
  try {
    const client = await mqtt.connectAsync(
      url,
      {
        protocolVersion: 4,
        connectTimeout: CONNECT_TIMEOUT_MS,
        reconnectPeriod: 0,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
      },
      // Without retries a broker that closes the connection before CONNACK is an error; else it would be waited for for ever.
      false,
    );
    // 'close' follows every error, and is what the commands look at.
    client.on('error', () => {});
    return client;
  } catch (cause) {
    const isRefused = cause instanceof Error && 'code' in cause && (cause.code === 4 || cause.code === 5);
    throw new LatticeError(isRefused ? 'AUTH_FAILED' : 'UNREACHABLE', `${url}: ${messageOf(cause)}.`, { cause });
  }
}

/** Rejects with UNREACHABLE when the connection ends; for races with what needs it. */
export function connectionLost(client: MqttClient): Promise<never> {
  const lost = new Promise<never>((_resolve, reject) => {
    let reason = 'The broker closed the connection.';
    client.once('error', (error) => {
      reason = `The connection failed: ${messageOf(error)}.`;
    });
    client.once('close', () => reject(new LatticeError('UNREACHABLE', reason)));
  });
  // It may end when nobody races any more.
  lost.catch(() => {});
  return lost;
}

/** Subscribes. Throws TOPIC_FORBIDDEN naming what the broker refused, and UNREACHABLE when the connection ends meanwhile. */
export async function subscribe(client: MqttClient, filters: readonly string[], qos: 0 | 1 | 2): Promise<void> {
  try {
    await Promise.race([client.subscribeAsync([...filters], { qos }), connectionLost(client)]);
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    if (messageOf(cause).startsWith('Invalid topic')) {
      throw new LatticeError('USAGE', `${filters.join(', ')}: no filter of MQTT.`, { cause });
    }
    if (!(cause instanceof ErrorWithSubackPacket)) {
      throw new LatticeError('UNREACHABLE', `${messageOf(cause)}.`, { cause });
    }
    // MQTT 3.1.1, 3.9.3: 0x80 is a failure.
    const refused = filters.filter((_, index) => cause.packet.granted[index] === 0x80);
    throw new LatticeError('TOPIC_FORBIDDEN', `No right to subscribe to ${refused.join(', ')}.`, { cause });
  }
}

interface Address {
  url: string;
  username: string | undefined;
  password: string | undefined;
}

function addressOf({ data, broker, username, password }: ConnectionOptions): Address {
  if (broker !== undefined) {
    const operator = username === undefined ? readSecrets(resolve(data))?.operator : undefined;
    return { url: broker, username: username ?? operator?.username, password: password ?? operator?.password };
  }
  const endpoints = loadEndpoints(resolve(data));
  const first = endpoints.brokers[0];
  return {
    url: `mqtt://${first?.host}:${first?.port}`,
    username: username ?? endpoints.username,
    password: password ?? endpoints.password,
  };
}
