import { once } from 'node:events';
import net from 'node:net';
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../core/time/index.ts';
import { eventually } from '../support/eventually.ts';
import { cleanup, connect, OPERATOR, startBroker } from './support/harness.ts';

const TOPIC = 'mesh/v1/home/d1/state';
const KEPT = { clientId: 'kept', clean: false } as const;

/** A client that does only what it is told: it acknowledges nothing by itself. */
async function rawClient(
  port: number,
  clientId: string,
): Promise<{ packets: Packet[]; send(packet: Packet): void; socket: net.Socket }> {
  const socket = net.connect(port, '127.0.0.1');
  cleanup(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  const packets: Packet[] = [];
  const reader = parser();
  reader.on('packet', (packet: Packet) => packets.push(packet));
  socket.on('data', (chunk: Buffer) => reader.parse(chunk));
  const send = (packet: Packet): void => {
    socket.write(generate(packet));
  };
  const { username } = OPERATOR;
  const password = Buffer.from(OPERATOR.password);
  send({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: false,
    clientId,
    keepalive: 0,
    username,
    password,
  });
  await eventually(() => expect(packets.map(({ cmd }) => cmd)).toContain('connack'));
  return { packets, send, socket };
}

function publishes(packets: Packet[]): IPublishPacket[] {
  return packets.filter((packet) => packet.cmd === 'publish');
}

describe('a kept session', () => {
  it('sends what was not acknowledged again, first, flagged and under the same packet id', async () => {
    const { port } = await startBroker({ limits: { inflightMessagesMax: 2 } });
    const first = await rawClient(port, 'kept');
    first.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: TOPIC, qos: 1 }] });
    await eventually(() => expect(first.packets.map(({ cmd }) => cmd)).toContain('suback'));
    const publisher = await connect(port);
    for (const payload of ['a', 'b', 'c']) await publisher.mqtt.publishAsync(TOPIC, payload, { qos: 1 });
    await eventually(() => expect(publishes(first.packets)).toHaveLength(2));
    const [a, b] = publishes(first.packets);
    first.send({ cmd: 'puback', messageId: a?.messageId as number });
    await eventually(() => expect(publishes(first.packets)).toHaveLength(3));
    first.socket.destroy();
    const second = await rawClient(port, 'kept');
    await eventually(() => expect(publishes(second.packets)).toHaveLength(2));
    const again = publishes(second.packets).map(({ payload, dup, messageId }) => [payload.toString(), dup, messageId]);
    expect(again[0]).toEqual(['b', true, b?.messageId]);
    expect(again[1]?.slice(0, 2)).toEqual(['c', true]);
  });

  it('goes to the newer connection; the older one is closed and nothing is lost', async () => {
    const { port } = await startBroker();
    const older = await connect(port, KEPT);
    await older.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    const newer = await connect(port, KEPT);
    await eventually(() => expect(older.mqtt.connected).toBe(false));
    const publisher = await connect(port);
    await publisher.mqtt.publishAsync(TOPIC, 'x', { qos: 1 });
    await eventually(() => expect(newer.payloads()).toEqual(['x']));
    expect(newer.sessionPresent).toBe(true);
  });

  it('ends with a CONNECT that asks for a clean one', async () => {
    const { port } = await startBroker();
    const before = await connect(port, KEPT);
    await before.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    await before.mqtt.endAsync();
    const clean = await connect(port, { clientId: 'kept', clean: true });
    await clean.mqtt.endAsync();
    const publisher = await connect(port);
    await publisher.mqtt.publishAsync(TOPIC, 'nobody waits', { qos: 1 });
    const after = await connect(port, KEPT);
    expect(after.sessionPresent).toBe(false);
    await after.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    await publisher.mqtt.publishAsync(TOPIC, 'now', { qos: 1 });
    await eventually(() => expect(after.payloads()).toEqual(['now']));
  });

  it('gets QoS 0 while it is connected only', async () => {
    const { port } = await startBroker();
    const client = await connect(port, KEPT);
    await client.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    const publisher = await connect(port);
    await publisher.mqtt.publishAsync(TOPIC, 'here', { qos: 0 });
    await eventually(() => expect(client.payloads()).toEqual(['here']));
    await client.mqtt.endAsync();
    await publisher.mqtt.publishAsync(TOPIC, 'away', { qos: 0 });
    await publisher.mqtt.publishAsync(TOPIC, 'durable', { qos: 1 });
    const back = await connect(port, KEPT);
    await eventually(() => expect(back.payloads()).toEqual(['durable']));
  });

  it('stops receiving what it unsubscribed from, as a clean one does', async () => {
    const { port } = await startBroker();
    const both = [await connect(port, KEPT), await connect(port)];
    const publisher = await connect(port);
    for (const client of both) {
      await client.mqtt.subscribeAsync(['mesh/v1/home/d1/#', 'mesh/v1/home/d2/#'], { qos: 1 });
      await client.mqtt.unsubscribeAsync('mesh/v1/home/d1/#');
    }
    await publisher.mqtt.publishAsync(TOPIC, 'no', { qos: 1 });
    await publisher.mqtt.publishAsync('mesh/v1/home/d2/state', 'yes', { qos: 1 });
    for (const client of both) await eventually(() => expect(client.payloads()).toEqual(['yes']));
  });
});

describe('the end of a kept session', () => {
  it('comes when its client has been away for too long, and not while it is connected', async () => {
    const clock = new VirtualClock();
    const { port } = await startBroker({ limits: { sessionExpiryMs: 600_000 } }, { clock });
    const here = await connect(port, { ...KEPT, clientId: 'here' });
    const away = await connect(port, { ...KEPT, clientId: 'away' });
    await away.mqtt.endAsync();
    const rounds = 25;
    for (let round = 0; round < rounds; round++) {
      clock.advance(60_000);
      // Each sweep ends on the event loop before the next is due.
      await connect(port);
    }
    expect((await connect(port, { ...KEPT, clientId: 'away' })).sessionPresent).toBe(false);
    await here.mqtt.endAsync();
    expect((await connect(port, { ...KEPT, clientId: 'here' })).sessionPresent).toBe(true);
  });
});

describe('the bound of kept sessions', () => {
  it('refuses one more with return code 3', async () => {
    const { port, codes } = await startBroker({ limits: { sessionsMax: 1 } });
    await connect(port, KEPT);
    await expect(connect(port, { clientId: 'other', clean: false })).rejects.toMatchObject({ code: 3 });
    expect(codes()).toContain('SESSIONS_EXHAUSTED');
    await connect(port, { clientId: 'other', clean: true });
  });
});
