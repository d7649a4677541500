import { expect, it } from 'vitest';
import type { BridgeState } from '../../../broker/index.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { describeWithPeers } from '../../support/peers.ts';
import { connect, startBroker, type TestBroker, type TestClient } from '../support/harness.ts';
import { Mosquitto } from './mosquitto.ts';

const TOPIC = 'mesh/v1/home/d1/state';
const COUNT = 100;
const ROUTES = [
  { direction: 'both', filter: 'mesh/v1/home/#' },
  { direction: 'in', filter: 'mesh/v1/home/d1/state' },
];

const DIALECTS = [
  { name: 'MQTT 5', options: { protocolVersion: 5 } },
  { name: 'MQTT 3.1.1 with the bridge bit', options: { protocolVersion: 4 } },
  { name: 'MQTT 3.1.1', options: { protocolVersion: 4, bridgeBit: false } },
] as const;

function bridge(id: string, { url }: Mosquitto, options: object): Record<string, unknown> {
  return { id, url, routes: ROUTES, ...options };
}

async function allUp(...brokers: TestBroker[]): Promise<void> {
  for (const { broker } of brokers) {
    await eventually(() => expect(broker.bridges().map(({ state }) => state)).not.toContain('connecting'));
    await eventually(() => expect(new Set(broker.bridges().map(({ state }) => state))).toEqual(new Set(['up'])));
  }
}

const crossings = ({ broker }: TestBroker): number =>
  broker
    .bridges()
    .reduce((sum: number, { sent, received, dropped }: BridgeState) => sum + sent + received + dropped.loop, 0);

/** Waits until nothing has crossed for half a second; what has crossed by then. */
async function quiet(...brokers: TestBroker[]): Promise<number> {
  let last = -1;
  await eventually(
    () => {
      const now = brokers.reduce((sum, broker) => sum + crossings(broker), 0);
      const isQuiet = now === last;
      last = now;
      expect(isQuiet).toBe(true);
    },
    20_000,
    500,
  );
  return last;
}

async function subscriber(port: number): Promise<TestClient> {
  const client = await connect(port);
  await client.mqtt.subscribeAsync(TOPIC, { qos: 1 });
  return client;
}

async function publish(client: TestClient, from: string, qos: 0 | 1): Promise<void> {
  for (let number = 0; number < COUNT; number++) await client.mqtt.publishAsync(TOPIC, `${from} ${number}`, { qos });
}

/** How often each of the numbers from a place came. */
function copies(client: TestClient, from: string): number[] {
  const counts = Array.from({ length: COUNT }, () => 0);
  for (const payload of client.payloads(TOPIC)) {
    const [place, number] = payload.split(' ');
    if (place === from) counts[Number(number)] = (counts[Number(number)] as number) + 1;
  }
  return counts;
}

const ONCE = Array.from({ length: COUNT }, () => 1);

describeWithPeers('the loop guard of bridges', ['mosquitto'], () => {
  it.each(DIALECTS)('lets two meshes share one Mosquitto: each message once everywhere, $name', async ({ options }) => {
    const mosquitto = await Mosquitto.start();
    // The same broker id in two meshes is not the same broker.
    const a = await startBroker({ siteKey: 'the key of mesh number one', bridges: [bridge('m', mosquitto, options)] });
    const b = await startBroker({ siteKey: 'the key of mesh number two', bridges: [bridge('m', mosquitto, options)] });
    await allUp(a, b);
    const clients = await Promise.all([a.port, mosquitto.port, b.port].map(subscriber));
    const names = ['a', 'm', 'b'];
    await Promise.all(clients.map((client, at) => publish(client, names[at] as string, 1)));
    for (const client of clients) {
      for (const name of names) await eventually(() => expect(copies(client, name)).toEqual(ONCE));
    }
    await quiet(a, b);
    for (const client of clients) expect(client.payloads(TOPIC)).toHaveLength(3 * COUNT);
  });

  it.each(DIALECTS)(
    'ends the circle of two linked brokers that both bridge to one Mosquitto: $name',
    async ({ options }) => {
      const mosquitto = await Mosquitto.start();
      const port = await freePort();
      const host = '127.0.0.1';
      const a = await startBroker({
        id: 'a',
        links: { peers: [{ id: 'b', host, port }] },
        bridges: [bridge('m', mosquitto, options)],
      });
      const b = await startBroker({
        id: 'b',
        links: { listen: { port }, peers: [{ id: 'a', host, port: 1 }] },
        bridges: [bridge('m', mosquitto, options)],
      });
      await allUp(a, b);
      const clients = await Promise.all([a.port, mosquitto.port, b.port].map(subscriber));
      const names = ['a', 'm', 'b'];
      const before = await quiet(a, b);
      for (const qos of [0, 1] as const) {
        await Promise.all(clients.map((client, at) => publish(client, names[at] as string, qos)));
      }
      const crossed = (await quiet(a, b)) - before;
      // Copies there are, which is why one broker of a mesh is to run a bridge, but as many as a few for each message.
      expect(crossed).toBeLessThan(2 * 3 * COUNT * 40);
      for (const client of clients) {
        for (const name of names) expect(Math.min(...copies(client, name))).toBeGreaterThanOrEqual(1);
      }
    },
    60_000,
  );

  it.each(DIALECTS)(
    'ends the circle of two bridges of one broker to one Mosquitto: $name',
    async ({ options }) => {
      const mosquitto = await Mosquitto.start();
      const ours = await startBroker({ bridges: [bridge('m1', mosquitto, options), bridge('m2', mosquitto, options)] });
      await allUp(ours);
      const clients = await Promise.all([ours.port, mosquitto.port].map(subscriber));
      const before = await quiet(ours);
      await Promise.all(clients.map((client, at) => publish(client, ['a', 'm'][at] as string, 1)));
      const crossed = (await quiet(ours)) - before;
      expect(crossed).toBeLessThan(2 * COUNT * 80);
    },
    60_000,
  );
});
