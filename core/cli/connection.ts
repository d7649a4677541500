import { resolve } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { LatticeError, messageOf } from '../errors/index.ts';
import { type Endpoints, loadEndpoints } from '../mesh/index.ts';

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
    return await mqtt.connectAsync(url, {
      protocolVersion: 4,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    });
  } catch (cause) {
    const isRefused = cause instanceof Error && 'code' in cause && (cause.code === 4 || cause.code === 5);
    throw new LatticeError(isRefused ? 'AUTH_FAILED' : 'UNREACHABLE', `${url}: ${messageOf(cause)}.`, { cause });
  }
}

interface Address {
  url: string;
  username: string | undefined;
  password: string | undefined;
}

function addressOf({ data, broker, username, password }: ConnectionOptions): Address {
  if (broker !== undefined) return { url: broker, username, password };
  const endpoints = loadEndpoints(resolve(data));
  const first = endpoints.brokers[0];
  return {
    url: `mqtt://${first?.host}:${first?.port}`,
    username: username ?? endpoints.username,
    password: password ?? endpoints.password,
  };
}
