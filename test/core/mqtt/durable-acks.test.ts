import { createServer, type Server } from 'node:net';
import { Aedes } from 'aedes';
import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acknowledgeWhenDurable } from '../../../core/mqtt/durable-acks.ts';
import { eventually } from '../../support/eventually.ts';

/** A broker that we did not write tells which messages were acknowledged. */
let broker: Aedes;
let server: Server;
let url: string;
const acknowledged: string[] = [];
const clients: MqttClient[] = [];

beforeEach(async () => {
  broker = await Aedes.createBroker();
  broker.on('ack', (packet) => {
    if (packet !== undefined && 'payload' in packet) acknowledged.push(String(packet.payload));
  });
  server = createServer((socket) => broker.handle(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `mqtt://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await new Promise<void>((resolve) => broker.close(resolve));
  server.close();
  acknowledged.length = 0;
});

async function connect(
  take: (payload: string) => Promise<void>,
  inFlightMax = 100,
): Promise<{ client: MqttClient; faults: unknown[] }> {
  const client = mqtt.connect(url, { clientId: 'gateway', clean: false, protocolVersion: 4, reconnectPeriod: 20 });
  clients.push(client);
  const faults: unknown[] = [];
  acknowledgeWhenDurable(client, {
    take: (packet) => take(String(packet.payload)),
    onFault: (error) => faults.push(error),
    inFlightMax,
  });
  await new Promise<void>((resolve) => client.once('connect', () => resolve()));
  await client.subscribeAsync('t', { qos: 1 });
  return { client, faults };
}

function publish(payload: string): Promise<void> {
  return new Promise((resolve, reject) => {
    broker.publish(
      { cmd: 'publish', topic: 't', payload: Buffer.from(payload), qos: 1, retain: false, dup: false },
      (error) => (error ? reject(error) : resolve()),
    );
  });
}

function gate(): { open: () => void; passed: Promise<void> } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

describe('acknowledgeWhenDurable', () => {
  it('takes many messages at once and acknowledges each only when it is durable, in order', async () => {
    const taken: string[] = [];
    const durable = gate();
    await connect(async (payload) => {
      taken.push(payload);
      await durable.passed;
    });
    const sent = Array.from({ length: 50 }, (_, index) => `m${index}`);
    await Promise.all(sent.map(publish));
    await eventually(() => expect(taken).toEqual(sent));
    expect(acknowledged).toEqual([]);
    durable.open();
    await eventually(() => expect(acknowledged).toEqual(sent));
  });

  it('reads no further at its bound', async () => {
    const taken: string[] = [];
    const durable = gate();
    await connect(async (payload) => {
      taken.push(payload);
      await durable.passed;
    }, 5);
    for (let index = 0; index < 20; index++) void publish(`m${index}`);
    await eventually(() => expect(taken.length).toBe(5));
    await new Promise(setImmediate);
    expect(taken.length).toBe(5);
    durable.open();
    await eventually(() => expect(acknowledged.length).toBe(20));
  });

  it('does not acknowledge what could not be taken: the broker delivers it again', async () => {
    let failures = 1;
    const taken: string[] = [];
    const { faults } = await connect(async (payload) => {
      if (failures-- > 0) throw new Error('disk full');
      taken.push(payload);
    });
    await publish('m');
    await eventually(() => expect(acknowledged).toEqual(['m']));
    expect(taken).toEqual(['m']);
    expect(faults).toHaveLength(1);
  });

  it('sends no acknowledgement of an old connection on a new one', async () => {
    const first = gate();
    let deliveries = 0;
    const { client } = await connect(async () => {
      if (++deliveries === 1) await first.passed;
      else await new Promise(() => {});
    });
    await publish('m');
    await eventually(() => expect(deliveries).toBe(1));
    client.stream.destroy();
    await eventually(() => expect(deliveries).toBe(2));
    first.open();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(acknowledged).toEqual([]);
  });
});
