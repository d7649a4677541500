import { once } from 'node:events';
import net from 'node:net';
import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { cleanup, connect, credentials, itOfOneBroker, OPERATOR, startBroker } from './support/harness.ts';
import { MemoryLog } from './support/memory-log.ts';
import { newFolder, openStore } from './support/store.ts';

const TOPIC = 'mesh/v1/home/d1/state';

async function rawSocket(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  cleanup(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

describe('what a client may not do to the others', () => {
  it('cuts off garbage and a payload of 1 MiB with their codes, and disturbs nobody else', async () => {
    const { port, codes } = await startBroker();
    const subscriber = await connect(port);
    await subscriber.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    for (const garbage of [
      'GET / HTTP/1.1\r\n\r\n',
      '\x10\x04\x00\xff\xff\xff',
      '\xf0\x00',
      '\x30\xff\xff\xff\xff\xff',
    ]) {
      const socket = await rawSocket(port);
      const closed = once(socket, 'close');
      socket.write(garbage, 'latin1');
      socket.resume();
      await closed;
    }
    expect(codes()).toContain('PACKET_MALFORMED');
    const big = await connect(port);
    big.mqtt.publish(TOPIC, Buffer.alloc(1_024 * 1_024), { qos: 1 });
    await eventually(() => expect(codes()).toContain('PACKET_TOO_LARGE'));
    await eventually(() => expect(big.mqtt.connected).toBe(false));
    const publisher = await connect(port);
    await publisher.mqtt.publishAsync(TOPIC, 'fine', { qos: 1 });
    await eventually(() => expect(subscriber.payloads()).toEqual(['fine']));
  });

  it('disconnects a subscriber that reads nothing, while a healthy one gets everything', async () => {
    const { port, codes } = await startBroker({ limits: { drainTimeoutMs: 300 } });
    const healthy = await connect(port);
    await healthy.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    const frozen = await rawSocket(port);
    frozen.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        clientId: 'frozen',
        keepalive: 0,
        username: OPERATOR.username,
        password: Buffer.from(OPERATOR.password),
      }),
    );
    await once(frozen, 'data');
    frozen.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: TOPIC, qos: 0 }] }));
    await once(frozen, 'data');
    frozen.pause();
    const publisher = await connect(port);
    const payload = 'x'.repeat(200_000);
    let sent = 0;
    while (!codes().includes('CLIENT_SLOW')) {
      await publisher.mqtt.publishAsync(TOPIC, payload, { qos: 1 });
      sent += 1;
    }
    await publisher.mqtt.publishAsync(TOPIC, 'end', { qos: 1 });
    await eventually(() => expect(healthy.payloads().at(-1)).toBe('end'));
    expect(healthy.received).toHaveLength(sent + 1);
  }, 20_000);

  itOfOneBroker('refuses MQTT 5 with return code 1, and connections above the bound', async () => {
    const { port, codes } = await startBroker({ limits: { connectionsMax: 2 } });
    await expect(connect(port, { protocolVersion: 5 })).rejects.toMatchObject({ code: 1 });
    expect(codes()).toContain('PROTOCOL_UNSUPPORTED');
    const first = await connect(port);
    await connect(port);
    await expect(connect(port)).rejects.toThrow('closed before CONNACK');
    expect(codes()).toContain('CONNECTIONS_EXHAUSTED');
    await first.mqtt.endAsync();
    await eventually(() => connect(port));
  });
});

describe('strangers', () => {
  it('take no more places than are set aside for them, and none of those of clients', async () => {
    const { port, codes } = await startBroker({ limits: { strangersMax: 2 } });
    for (let each = 0; each < 4; each++) await connect(port);
    const silent = [await rawSocket(port), await rawSocket(port)];
    const refused = await rawSocket(port);
    refused.resume();
    await once(refused, 'close');
    expect(codes()).toContain('CONNECTIONS_EXHAUSTED');
    silent[0]?.destroy();
    await eventually(() => connect(port));
  });

  it('and clients with forbidden filters by the thousand get one line', async () => {
    const { port, log } = await startBroker();
    const client = await connect(port, credentials('device', 'd1'));
    const filters = Array.from({ length: 5_000 }, (_, number) => `x/${number}`);
    await expect(client.mqtt.subscribeAsync(filters)).rejects.toThrow();
    const lines = log.filter(({ code }) => code === 'TOPIC_FORBIDDEN');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ count: 5_000, address: expect.stringContaining('127.0.0.1') });
  });

  it('cannot flood the log', async () => {
    const { port, log } = await startBroker();
    for (let each = 0; each < 30; each++) {
      const socket = await rawSocket(port);
      const closed = once(socket, 'close');
      socket.resume();
      socket.write('garbage');
      await closed;
    }
    expect(log.filter(({ code }) => code === 'PACKET_MALFORMED')).toHaveLength(10);
  });
});

describe('the queue of a session that is away', () => {
  it('drops the oldest at its bound, says so, and memory does not grow with it', async () => {
    const journal = new MemoryLog();
    const limits = { sessionQueueMessagesMax: 100 };
    const { port, codes } = await startBroker({ limits }, { openJournal: async () => journal });
    const kept = await connect(port, { clientId: 'kept', clean: false });
    await kept.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    await kept.mqtt.endAsync();
    const publisher = await connect(port);
    const publish = (number: number): Promise<unknown> =>
      publisher.mqtt.publishAsync(TOPIC, String(number), { qos: 1 });
    await Promise.all(Array.from({ length: 1_000 }, (_, number) => publish(number)));
    expect(codes()).toContain('SESSION_QUEUE_FULL');
    const watcher = await connect(port);
    await watcher.mqtt.subscribeAsync('mesh/v1/home/b1/health');
    await eventually(() => expect(JSON.parse(watcher.payloads().at(-1) ?? '{}').droppedTotal).toBe(900), 8_000);
    const health = JSON.parse(watcher.payloads().at(-1) as string) as Record<string, number>;
    expect(health['queued']).toBe(100);
    const back = await connect(port, { clientId: 'kept', clean: false });
    await eventually(() => expect(back.received).toHaveLength(100));
    expect(back.payloads()).toEqual(Array.from({ length: 100 }, (_, index) => String(900 + index)));
  }, 15_000);
});

describe('a journal that is not as it was written', () => {
  it('is told of with positions, once, and costs no more than what is lost', async () => {
    class DamagedLog extends MemoryLog {
      override readonly gaps = [{ fromPosition: 3, toPosition: 5, cause: 'damaged' } as const];
    }
    const { log } = await startBroker({}, { openJournal: async () => new DamagedLog() });
    const told = log.filter(({ code }) => code === 'JOURNAL_DAMAGED');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ gaps: [{ fromPosition: 3, toPosition: 5, cause: 'damaged' }] });
  });

  it('may hold a message that MQTT cannot carry; its receiver gets all the others', async () => {
    const journal = new MemoryLog();
    const folder = await newFolder();
    const first = await openStore(journal, folder);
    const subscriptions = [{ topic: '$shard/+/mesh/v1/#', qos: 1 as const }];
    await first.commit({ kind: 'session', clientId: 'g1', username: 'g1' });
    await first.commit({ kind: 'subscribe', clientId: 'g1', subscriptions });
    const publish = { kind: 'publish', qos: 1, retain: false, stampMs: 0, origin: 'b1' } as const;
    for (const level of ['before', 'x'.repeat(65_519), 'after']) {
      await first.commit({ ...publish, topic: `mesh/v1/home/d1/${level}`, payload: Buffer.from(level.slice(0, 9)) });
    }
    const { port, log } = await startBroker({}, { openJournal: async () => journal }, folder);
    const gateway = { ...credentials('gateway', 'g1'), clientId: 'g1', clean: false };
    const received: string[] = [];
    await eventually(async () => {
      const client = await connect(port, gateway);
      await eventually(() => expect(client.received.length).toBeGreaterThan(0), 500);
      received.push(...client.payloads());
      expect(received).toContain('after');
    });
    expect(received).toContain('before');
    expect(received).not.toContain('xxxxxxxxx');
    expect(log.some(({ msg }) => msg.includes('cannot be sent'))).toBe(true);
  });
});

describe('last wills', () => {
  it('fire when a connection is lost, not when it ends in order', async () => {
    const { port } = await startBroker();
    const watcher = await connect(port);
    await watcher.mqtt.subscribeAsync('mesh/v1/home/+/availability', { qos: 1 });
    const will = (device: string): object => ({
      ...credentials('device', device),
      will: { topic: `mesh/v1/home/${device}/availability`, payload: Buffer.from('offline'), qos: 1, retain: true },
    });
    const polite = await connect(port, will('d1'));
    await polite.mqtt.endAsync();
    const lost = await connect(port, will('d2'));
    lost.mqtt.stream.destroy();
    await eventually(() => expect(watcher.received).toHaveLength(1));
    expect(watcher.received[0]).toMatchObject({ topic: 'mesh/v1/home/d2/availability', payload: 'offline' });
  });
});
