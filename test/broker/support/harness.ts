import { join } from 'node:path';
import { Writable } from 'node:stream';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, it } from 'vitest';
import { type Broker, type BrokerDeps, brokerConfigSchema, createBroker } from '../../../broker/index.ts';
import { type Account, derivedPassword, hashPassword } from '../../../core/identity/index.ts';
import { systemRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/free-port.ts';
import { newFolder } from './store.ts';

export const SITE = 'home';
export const SITE_KEY = 'a site key for tests only';
export const OPERATOR = { username: 'olga', password: 'correct horse' };

/** How many federated brokers stand for one. */
const BROKERS = Number(process.env['LATTICE_TEST_BROKERS'] ?? 1);

/** For tests of what a broker counts, bounds or tells for itself alone. */
export const itOfOneBroker = BROKERS > 1 ? it.skip : it;

type MachineRole = 'device' | 'gateway' | 'console';
type LogLine = Record<string, unknown> & { msg: string; code?: string };

export interface TestBroker {
  broker: Broker;
  port: number;
  dataDir: string;
  log: LogLine[];
  codes(): (string | undefined)[];
  stop(): Promise<void>;
}

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export function cleanup(action: () => Promise<unknown> | unknown): void {
  cleanups.push(action);
}

/** The suites of a broker run with the hot path, and once more without it. */
const HOT_PATH = process.env['LATTICE_TEST_HOT_PATH'] !== '0';

let clientIds = 0;
let operatorAccount: Promise<Account> | undefined;

/** A configuration as it would come from YAML, with the parts given in place of the defaults. */
export async function testConfig(
  dataDir: string,
  parts: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  operatorAccount ??= hashPassword(OPERATOR.password).then((passwordHash) => {
    return { username: OPERATOR.username, passwordHash, role: 'operator' as const };
  });
  const accounts = [await operatorAccount];
  return {
    id: 'b1',
    site: SITE,
    dataDir,
    listen: { port: 0 },
    siteKey: SITE_KEY,
    accounts,
    hotPath: HOT_PATH,
    ...parts,
  };
}

/**
 * Starts a broker in this process; it ends with the test. With LATTICE_TEST_BROKERS=3 it is three that are federated, one of
 * them by way of another, and `connect` spreads clients over them by their ids: what passes on one broker passes there too.
 */
export async function startBroker(
  parts: Record<string, unknown> = {},
  deps: Partial<BrokerDeps> = {},
  dataDir?: string,
): Promise<TestBroker> {
  const isPlain = Object.keys(parts).every((key) => key === 'limits') && Object.keys(deps).length === 0;
  return BROKERS > 1 && isPlain ? startSpread(parts, dataDir) : startOne(parts, deps, dataDir);
}

/** By the port of the first of them, the ports of all. */
const spreads = new Map<number, number[]>();

async function startSpread(parts: Record<string, unknown>, dataDir?: string): Promise<TestBroker> {
  const folder = dataDir ?? (await newFolder());
  const brokers = await startChain(BROKERS, parts, folder);
  const [first] = brokers as [TestBroker];
  spreads.set(
    first.port,
    brokers.map(({ port }) => port),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(brokers.map((each) => each.stop()));
  };
  return { ...first, dataDir: folder, stop };
}

/** Starts brokers b1, b2, … that are federated in a chain, so that the ends reach each other by way of the others; they share a log. */
export async function startChain(
  count: number,
  parts: Record<string, unknown> = {},
  dataDir?: string,
): Promise<TestBroker[]> {
  const folder = dataDir ?? (await newFolder());
  const linkPorts = await freePorts(count);
  const ids = linkPorts.map((_, index) => `b${index + 1}`);
  const brokers: TestBroker[] = [];
  const log: LogLine[] = [];
  for (const [index, id] of ids.entries()) {
    const peers = [index - 1, index + 1].flatMap((peer) =>
      peer in ids ? [{ id: ids[peer], host: '127.0.0.1', port: linkPorts[peer] }] : [],
    );
    const links = { listen: { port: linkPorts[index] }, peers };
    brokers.push(await startOne({ ...parts, id, links }, {}, join(folder, id), log));
  }
  await eventually(() => {
    for (const { broker } of brokers) {
      if (broker.reachable().length < count - 1) throw new Error('not linked yet');
    }
  });
  return brokers;
}

/** Where a client connects: the same id always to the same broker. */
function portFor(port: number, clientId: string): number {
  const ports = spreads.get(port);
  if (ports === undefined) return port;
  let sum = 0;
  for (const letter of clientId) sum += letter.charCodeAt(0);
  return ports[sum % ports.length] as number;
}

async function startOne(
  parts: Record<string, unknown> = {},
  deps: Partial<BrokerDeps> = {},
  dataDir?: string,
  log: LogLine[] = [],
): Promise<TestBroker> {
  const folder = dataDir ?? (await newFolder());
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(JSON.parse(chunk.toString()) as LogLine);
      done();
    },
  });
  const config = brokerConfigSchema.parse(await testConfig(folder, parts));
  const broker = await createBroker(config, { clock: systemClock, random: systemRandom(), log: pino(sink), ...deps });
  await broker.start();
  cleanup(() => broker.stop());
  const codes = (): (string | undefined)[] => log.map((line) => line.code);
  return { broker, port: broker.addresses.port, dataDir: folder, log, codes, stop: () => broker.stop() };
}

/** A machine's account, and a client id that it may use and nobody has yet. */
export function credentials(role: MachineRole, name: string): { username: string; password: string; clientId: string } {
  clientIds += 1;
  return { username: name, password: derivedPassword(SITE_KEY, role, name), clientId: `${name}/${clientIds}` };
}

export interface Received {
  topic: string;
  payload: string;
  retain: boolean;
  qos: number;
  dup: boolean;
}

export interface TestClient {
  mqtt: MqttClient;
  received: Received[];
  /** Of the CONNACK. */
  sessionPresent: boolean;
  payloads(topic?: string): string[];
}

/** Connects MQTT.js; no reconnects, MQTT 3.1.1, and what comes is collected from the first packet on. */
export async function connect(port: number, options: IClientOptions = {}): Promise<TestClient> {
  const clientId = options.clientId ?? `anybody-${clientIds++}`;
  const client = mqtt.connect(`mqtt://127.0.0.1:${portFor(port, clientId)}`, {
    clientId,
    ...OPERATOR,
    reconnectPeriod: 0,
    connectTimeout: 5_000,
    ...options,
  });
  cleanup(() => client.endAsync(true));
  const received: Received[] = [];
  client.on('message', (topic, payload, { retain, qos, dup }) => {
    received.push({ topic, payload: payload.toString(), retain, qos, dup });
  });
  client.on('error', () => {});
  const connack = await new Promise<{ sessionPresent: boolean }>((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
  return {
    mqtt: client,
    received,
    sessionPresent: connack.sessionPresent,
    payloads: (topic) =>
      received.filter((each) => topic === undefined || each.topic === topic).map((each) => each.payload),
  };
}
