import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { connect, type Received, type TestClient } from './support/harness.ts';
import { startProcess } from './support/process.ts';
import { newFolder } from './support/store.ts';

const KEPT = { clientId: 'kept', clean: false } as const;

/** Publishes 0, 1, 2 and so on to a topic, several at a time, until the connection ends; returns what was acknowledged. */
async function publishUntilGone(client: TestClient, topic: string, inFlight: number): Promise<Set<number>> {
  const acknowledged = new Set<number>();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const number = next++;
      await client.mqtt.publishAsync(topic, String(number), { qos: 1 });
      acknowledged.add(number);
    }
  };
  const gone = new Promise<void>((resolve) => client.mqtt.once('close', () => resolve()));
  for (let each = 0; each < inFlight; each++) void worker().catch(() => {});
  await gone;
  return acknowledged;
}

/** First arrivals by topic: what came again after the crash is left out. */
function firstArrivals(received: Received[], topic: string): number[] {
  return [...new Set(received.filter((each) => each.topic === topic).map(({ payload }) => Number(payload)))];
}

describe('SIGKILL', () => {
  it('under load loses no acknowledged QoS 1 message to kept sessions, away or connected, and keeps the order by topic', async () => {
    const folder = await newFolder();
    let broker = await startProcess(folder);
    const away = await connect(broker.port, { ...KEPT, clientId: 'away' });
    await away.mqtt.subscribeAsync('mesh/v1/#', { qos: 1 });
    await away.mqtt.endAsync();
    const connected = await connect(broker.port, KEPT);
    await connected.mqtt.subscribeAsync('mesh/v1/#', { qos: 1 });
    const topics = Array.from({ length: 8 }, (_, index) => `mesh/v1/home/d${index}/state`);
    const publishers = await Promise.all(topics.map(() => connect(broker.port)));
    const publishing = topics.map((topic, index) => publishUntilGone(publishers[index] as TestClient, topic, 20));
    await eventually(() => expect(connected.received.length).toBeGreaterThan(1_000), 20_000);
    await broker.end('SIGKILL');
    const acknowledged = await Promise.all(publishing);
    expect(acknowledged.reduce((sum, each) => sum + each.size, 0)).toBeGreaterThan(500);

    broker = await startProcess(folder);
    const back = await connect(broker.port, { ...KEPT, clientId: 'away' });
    expect(back.sessionPresent).toBe(true);
    const again = await connect(broker.port, KEPT);
    expect(again.sessionPresent).toBe(true);
    const marker = await connect(broker.port);
    await marker.mqtt.publishAsync('mesh/v1/home/end/state', 'end', { qos: 1 });
    for (const client of [back, again]) {
      await eventually(() => expect(client.payloads('mesh/v1/home/end/state')).toEqual(['end']), 20_000);
    }
    for (const [index, topic] of topics.entries()) {
      const wanted = [...(acknowledged[index] as Set<number>)];
      const whileAway = firstArrivals(back.received, topic);
      expect(wanted.filter((number) => !whileAway.includes(number))).toEqual([]);
      expect(whileAway).toEqual(whileAway.toSorted((a, b) => a - b));
      const inAll = firstArrivals([...connected.received, ...again.received], topic);
      expect(wanted.filter((number) => !inAll.includes(number))).toEqual([]);
      // Each connection by itself is in order; the second begins again with what was not acknowledged.
      const afterCrash = firstArrivals(again.received, topic);
      expect(afterCrash).toEqual(afterCrash.toSorted((a, b) => a - b));
    }
  }, 40_000);

  it('fires the wills of connections that died with the broker', async () => {
    const folder = await newFolder();
    const broker = await startProcess(folder);
    const topic = 'mesh/v1/home/d1/availability';
    await connect(broker.port, { will: { topic, payload: Buffer.from('offline'), qos: 1, retain: true } });
    await broker.end('SIGKILL');
    const after = await startProcess(folder);
    const reader = await connect(after.port);
    await reader.mqtt.subscribeAsync(topic, { qos: 1 });
    await eventually(() => expect(reader.received).toMatchObject([{ payload: 'offline', retain: true }]));
  });

  it('delivers a QoS 2 message exactly once across a crash of the broker', async () => {
    const folder = await newFolder();
    let broker = await startProcess(folder);
    const lasting = { clean: false, reconnectPeriod: 50 } as const;
    const subscriber = await connect(broker.port, { ...lasting, clientId: 'subscriber' });
    await subscriber.mqtt.subscribeAsync('mesh/v1/#', { qos: 2 });
    const publisher = await connect(broker.port, { ...lasting, clientId: 'publisher' });
    const numbers = Array.from({ length: 200 }, (_, index) => String(index));
    const publish = (payload: string): Promise<unknown> =>
      publisher.mqtt.publishAsync('mesh/v1/home/d1/state', payload, { qos: 2 });
    const sending = numbers.map(publish);
    await Promise.race(sending);
    await broker.end('SIGKILL');
    broker = await startProcess(folder, { listen: { port: broker.port } });
    await Promise.all(sending);
    await publish('end');
    await eventually(() => expect(subscriber.payloads('mesh/v1/home/d1/state')).toContain('end'));
    await eventually(() => expect(subscriber.payloads('mesh/v1/home/d1/state').length).toBeGreaterThan(200));
    expect(subscriber.payloads('mesh/v1/home/d1/state').toSorted()).toEqual([...numbers, 'end'].toSorted());
  }, 20_000);
});

describe('a restart in order', () => {
  it('keeps sessions, subscriptions, retained messages and what waits for clients that are away', async () => {
    const folder = await newFolder();
    let broker = await startProcess(folder);
    const client = await connect(broker.port, KEPT);
    expect(client.sessionPresent).toBe(false);
    await client.mqtt.subscribeAsync('mesh/v1/home/+/state', { qos: 1 });
    await client.mqtt.endAsync();
    const empty = await connect(broker.port, { clientId: 'no subscriptions', clean: false });
    await empty.mqtt.endAsync();
    const publisher = await connect(broker.port);
    await publisher.mqtt.publishAsync('mesh/v1/home/d1/state', 'offline', { qos: 1 });
    await publisher.mqtt.publishAsync('mesh/v1/home/d1/meta', 'retained', { qos: 1, retain: true });
    expect(await broker.end('SIGTERM')).toBe(0);

    broker = await startProcess(folder);
    const back = await connect(broker.port, KEPT);
    expect(back.sessionPresent).toBe(true);
    expect((await connect(broker.port, { clientId: 'no subscriptions', clean: false })).sessionPresent).toBe(true);
    await eventually(() => expect(back.payloads()).toEqual(['offline']));
    const other = await connect(broker.port);
    await other.mqtt.publishAsync('mesh/v1/home/d1/state', 'live', { qos: 1 });
    await eventually(() => expect(back.payloads()).toEqual(['offline', 'live']));
    await other.mqtt.subscribeAsync('mesh/v1/home/+/meta', { qos: 1 });
    await eventually(() => expect(other.payloads()).toEqual(['retained']));
  });
});
