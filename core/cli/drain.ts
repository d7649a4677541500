import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { MqttClient } from 'mqtt';
import { EXIT, LatticeError } from '../errors/index.ts';
import { type Endpoints, loadEndpoints } from '../mesh/index.ts';
import { type Clock, delay, systemClock } from '../time/index.ts';
import { type BrokerCommand, type BrokerReply, brokerReplySchema, meshTopic } from '../wire/index.ts';
import { connectionLost, connectToBroker, subscribe } from './connection.ts';
import { count } from './output.ts';

export interface DrainOptions {
  data: string;
  /** Id of the broker. */
  broker: string;
  undo: boolean;
  wait: boolean;
  json: boolean;
}

type DrainState = Extract<BrokerReply, { isDraining: boolean }>;

const REPLY_TIMEOUT_MS = 5_000;
const PROGRESS_INTERVAL_MS = 500;

/**
 * Tells a broker to send its clients to the others (or, with undo, to take clients again), and with wait stays until it has
 * none left. Throws USAGE when there is no such broker, UNREACHABLE, AUTH_FAILED, and COMMAND_INVALID when it refuses.
 */
export async function drain({ data, broker: id, undo, wait, json }: DrainOptions): Promise<number> {
  const endpoints = loadEndpoints(resolve(data));
  const broker = endpoints.brokers.find((each) => each.id === id);
  if (broker === undefined) {
    const known = endpoints.brokers.map((each) => each.id).join(', ');
    throw new LatticeError('USAGE', `There is no broker "${id}"; the mesh has ${known}.`);
  }
  // At that very broker: only there it is known who gives the command.
  const client = await connectToBroker(endpoints, broker);
  try {
    const say = (state: DrainState): unknown =>
      process.stdout.write(`${json ? jsonLine(id, state) : text(id, state)}\n`);
    const remote = await BrokerRemote.open(client, endpoints, id, systemClock);
    let state = await remote.ask(undo ? 'undrain' : 'drain');
    say(state);
    while (wait && !undo && state.clientsLeft > 0) {
      await delay(systemClock, PROGRESS_INTERVAL_MS);
      const before = state;
      state = await remote.ask('drain');
      if (state.clientsLeft !== before.clientsLeft) say(state);
    }
    return EXIT.ok;
  } finally {
    await client.endAsync(true);
  }
}

/** One broker, asked over MQTT. */
class BrokerRemote {
  readonly #client: MqttClient;
  readonly #clock: Clock;
  readonly #commandTopic: string;
  readonly #lost: Promise<never>;
  #answer: (reply: BrokerReply) => void = () => {};

  private constructor(client: MqttClient, commandTopic: string, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#commandTopic = commandTopic;
    this.#lost = connectionLost(client);
    client.on('message', (_topic, payload) => {
      const reply = parseReply(payload.toString());
      if (reply !== undefined) this.#answer(reply);
    });
  }

  static async open(client: MqttClient, { site }: Endpoints, broker: string, clock: Clock): Promise<BrokerRemote> {
    const remote = new BrokerRemote(client, meshTopic(site, broker, 'cmd'), clock);
    await subscribe(client, [meshTopic(site, broker, 'reply')], 0);
    return remote;
  }

  /** Throws UNREACHABLE without an answer in time, COMMAND_INVALID when the broker refuses. */
  async ask(method: BrokerCommand['method']): Promise<DrainState> {
    const id = randomUUID();
    const ended = new AbortController();
    const answered = new Promise<BrokerReply>((resolveReply) => {
      this.#answer = (reply) => {
        if (reply.id === id) resolveReply(reply);
      };
    });
    const late = delay(this.#clock, REPLY_TIMEOUT_MS, ended.signal).then(() => {
      throw new LatticeError('UNREACHABLE', 'The broker does not answer to the command.');
    });
    // Nobody may wait for it any more.
    late.catch(() => {});
    try {
      const published = this.#client.publishAsync(this.#commandTopic, JSON.stringify({ id, method }), { qos: 1 });
      await Promise.race([published, late, this.#lost]);
      const reply = await Promise.race([answered, late, this.#lost]);
      if ('code' in reply) throw new LatticeError('COMMAND_INVALID', reply.reason);
      return reply;
    } finally {
      ended.abort();
    }
  }
}

function parseReply(text: string): BrokerReply | undefined {
  try {
    return brokerReplySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function jsonLine(broker: string, { isDraining, clientsLeft }: DrainState): string {
  return JSON.stringify({ broker, isDraining, clientsLeft });
}

function text(broker: string, { isDraining, clientsLeft }: DrainState): string {
  if (!isDraining) return `${broker} takes clients.`;
  if (clientsLeft === 0) return `${broker} is drained: it has no client left. Its links are up.`;
  return `${broker} drains: ${count(clientsLeft)} ${clientsLeft === 1 ? 'client' : 'clients'} left.`;
}
