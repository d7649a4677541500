import type { IClientOptions } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startLinked } from '../support/federated.ts';
import { connect, type TestBroker, type TestClient } from '../support/harness.ts';

const KEPT: IClientOptions = { clientId: 'roamer', clean: false };
const TOPIC = 'mesh/v1/home/d1/state';

const numbers = (count: number): string[] => Array.from({ length: count }, (_, each) => `${each}`);
const portOf = (brokers: TestBroker[], index: number): number => (brokers[index % brokers.length] as TestBroker).port;

describe('a client that moves about a mesh of three brokers', () => {
  it.each([1, 2] as const)(
    'gets every message of QoS %i that is published meanwhile, in order, once after each move',
    async (qos) => {
      const brokers = await startLinked(['a', 'b', 'c']);
      const first = await connect(portOf(brokers, 0), KEPT);
      await first.mqtt.subscribeAsync(TOPIC, { qos });
      await first.mqtt.endAsync();
      const publisher = await connect(portOf(brokers, 2));
      const payloads: string[] = [];
      let published = 0;
      const publish = async (count: number): Promise<void> => {
        for (let each = 0; each < count; each++) await publisher.mqtt.publishAsync(TOPIC, `${published++}`, { qos });
      };
      await publish(50);
      for (let move = 1; move <= 6; move++) {
        const publishing = publish(60);
        const client = await connect(portOf(brokers, move), KEPT);
        expect(client.sessionPresent).toBe(true);
        await publishing;
        await eventually(() => expect([...payloads, ...client.payloads()].at(-1)).toBe(`${published - 1}`), 15_000);
        await client.mqtt.endAsync();
        payloads.push(...client.payloads());
      }
      expect(payloads).toEqual(numbers(published));
    },
    60_000,
  );

  it('is in one place when it connects everywhere at once', async () => {
    const brokers = await startLinked(['a', 'b', 'c']);
    for (let round = 0; round < 5; round++) {
      const connects = brokers.map(({ port }) => connect(port, { clientId: `popular-${round}` }));
      const settled = await Promise.allSettled(connects);
      const clients = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      await eventually(() => expect(clients.filter(({ mqtt }) => mqtt.connected)).toHaveLength(1));
    }
  }, 30_000);
});

describe('a shared subscription across three brokers', () => {
  const SHARED = '$share/g/mesh/v1/home/+/state';
  const all = (members: TestClient[]): string[] =>
    members.flatMap((member) => member.payloads()).sort((a, b) => Number(a) - Number(b));

  async function publishAll(client: TestClient, payloads: string[], qos: 0 | 1 = 1): Promise<void> {
    await Promise.all(payloads.map((payload) => client.mqtt.publishAsync(TOPIC, payload, { qos })));
  }

  it.each([0, 1] as const)(
    'brings each message of QoS %i to one member: here first, else about evenly',
    async (qos) => {
      const brokers = await startLinked(['a', 'b', 'c']);
      const members: TestClient[] = [];
      for (const index of [1, 1, 2]) {
        const member = await connect(portOf(brokers, index));
        await member.mqtt.subscribeAsync(SHARED, { qos });
        members.push(member);
      }
      const plain = await connect(portOf(brokers, 1));
      await plain.mqtt.subscribeAsync(TOPIC, { qos });
      const publisher = await connect(portOf(brokers, 0));
      await publishAll(publisher, numbers(200), qos);
      await eventually(() => expect(all(members)).toEqual(numbers(200)));
      await eventually(() => expect(all([plain])).toEqual(numbers(200)));
      const atC = (members[2] as TestClient).received.length;
      expect(Math.abs(atC - 100)).toBeLessThan(45);
      const local = await connect(portOf(brokers, 0));
      await local.mqtt.subscribeAsync(SHARED, { qos });
      await publishAll(publisher, ['200', '201', '202'], qos);
      await eventually(() => expect(local.payloads()).toEqual(['200', '201', '202']));
    },
    30_000,
  );

  it('gives what the members of a broker had not acknowledged to those of another when they die', async () => {
    const brokers = await startLinked(['a', 'b', 'c']);
    const dying = await connect(portOf(brokers, 0));
    dying.mqtt.handleMessage = () => {};
    await dying.mqtt.subscribeAsync(SHARED, { qos: 1 });
    const other = await connect(portOf(brokers, 2));
    await other.mqtt.subscribeAsync(SHARED, { qos: 1 });
    const plain = await connect(portOf(brokers, 1));
    await plain.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    const publisher = await connect(portOf(brokers, 0));
    await publishAll(publisher, numbers(100));
    expect(all([other])).toEqual([]);
    dying.mqtt.stream.destroy();
    await eventually(() => expect(all([other])).toEqual(numbers(100)));
    await eventually(() => expect(all([plain])).toEqual(numbers(100)));
  }, 30_000);

  it('keeps messages for a member who is away at another broker when nobody else is there', async () => {
    const brokers = await startLinked(['a', 'b', 'c']);
    const options: IClientOptions = { clientId: 'away', clean: false };
    const member = await connect(portOf(brokers, 1), options);
    await member.mqtt.subscribeAsync(SHARED, { qos: 1 });
    await member.mqtt.endAsync();
    const publisher = await connect(portOf(brokers, 0));
    await publishAll(publisher, numbers(20));
    // It comes back at a third broker.
    const back = await connect(portOf(brokers, 2), options);
    await eventually(() => expect(all([back])).toEqual(numbers(20)));
  }, 30_000);
});
