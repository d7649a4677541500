import { ConnectGate, DeviceLink } from '../../../core/device-link/index.ts';
import { type Random, seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { freePorts } from '../../support/free-port.ts';
import { cleanup, connect, credentials, SITE, type TestClient } from '../support/harness.ts';

/** The configuration of brokers that are all linked with each other. */
export async function meshParts(ids: readonly string[]): Promise<Record<string, unknown>[]> {
  const host = '127.0.0.1';
  const ports = await freePorts(ids.length);
  return ids.map((id, index) => ({
    id,
    links: {
      listen: { host, port: ports[index] },
      peers: ids.flatMap((peer, at) => (peer === id ? [] : [{ id: peer, host, port: ports[at] }])),
    },
  }));
}

/** A device that publishes numbered readings, keeps each until its PUBACK, and sends it again after a connection is lost. */
export class Device {
  readonly id: string;
  readonly #link: DeviceLink;
  readonly #unacknowledged: number[] = [];
  #sent = 0;
  #broker: string | undefined;
  /** Every broker that it was connected to, in order. */
  readonly brokers: string[] = [];
  acknowledged = 0;

  constructor(id: string, options: { brokers: string[]; random: Random; gate: ConnectGate; ownBroker?: number }) {
    this.id = id;
    const { username, password } = credentials('device', id);
    this.#link = new DeviceLink({
      site: SITE,
      device: id,
      meta: { name: id, manufacturer: 'm', model: 'm', source: 'simulated' },
      ...options,
      username,
      password,
      clock: systemClock,
      events: {
        up: (broker) => {
          this.#broker = broker;
          this.brokers.push(broker);
          for (const seq of [...this.#unacknowledged]) this.#publish(seq);
        },
        down: () => {
          this.#broker = undefined;
        },
        refused: () => {},
      },
    });
    cleanup(() => this.#link.stop());
    this.#link.start();
  }

  /** Where it is connected now. */
  get broker(): string | undefined {
    return this.#broker;
  }

  get sent(): number {
    return this.#sent;
  }

  produce(): void {
    const seq = ++this.#sent;
    this.#unacknowledged.push(seq);
    this.#publish(seq);
  }

  #publish(seq: number): void {
    this.#link.publish('state', JSON.stringify({ seq, boot: 'b', temperature: 1 }), { qos: 1 }, () => {
      this.#unacknowledged.splice(this.#unacknowledged.indexOf(seq), 1);
      this.acknowledged++;
    });
  }
}

export function startFleet(seed: number, count: number, brokers: string[]): Device[] {
  const random = seededRandom(seed);
  const gate = new ConnectGate(10);
  const ids = Array.from({ length: count }, (_, index) => `d${index}`);
  return ids.map((id) => new Device(id, { brokers, random: random.fork(id), gate }));
}

/** Every device produces a reading each interval, until the function that is returned is called. */
export function produceReadings(devices: readonly Device[], intervalMs: number): () => void {
  const timer = setInterval(() => {
    for (const device of devices) device.produce();
  }, intervalMs);
  cleanup(() => clearInterval(timer));
  return () => clearInterval(timer);
}

/** What a subscriber got, by device, in the order in which it came. */
export interface Tally {
  seqs: Map<string, number[]>;
  duplicates: number;
}

/** Subscribes to all readings; what comes back tells what has come so far. */
export async function tallyAt(port: number): Promise<() => Tally> {
  const client = await connect(port);
  await client.mqtt.subscribeAsync(`mesh/v1/${SITE}/+/state`, { qos: 1 });
  return () => tallyOf(client);
}

function tallyOf({ received }: TestClient): Tally {
  const seqs = new Map<string, number[]>();
  const seen = new Set<string>();
  let duplicates = 0;
  for (const { topic, payload } of received) {
    const device = topic.split('/')[3] as string;
    const { seq } = JSON.parse(payload) as { seq: number };
    if (seen.has(`${device}/${seq}`)) {
      duplicates++;
      continue;
    }
    seen.add(`${device}/${seq}`);
    seqs.set(device, [...(seqs.get(device) ?? []), seq]);
  }
  return { seqs, duplicates };
}
