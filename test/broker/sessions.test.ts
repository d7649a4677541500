import { once } from 'node:events';
import { cp, readdir, rm } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { decodeRecord } from '../../broker/state/index.ts';
import { type Clock, VirtualClock } from '../../core/time/index.ts';
import { eventually } from '../support/eventually.ts';
import { cleanup, connect, credentials, itOfOneBroker, OPERATOR, startBroker } from './support/harness.ts';
import { MemoryLog } from './support/memory-log.ts';
import { newFolder } from './support/store.ts';

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

/** The lock of a process that lives would keep a copy of its folder closed. */
async function eraseLocks(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    if (name.includes('lock')) await rm(join(folder, name), { recursive: true, force: true });
  }
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
    // The journal has the end of the session before this, however slow the disk is.
    await here.mqtt.publishAsync('mesh/v1/home/d1/state', 'later', { qos: 1 });
    expect((await connect(port, { ...KEPT, clientId: 'away' })).sessionPresent).toBe(false);
    await here.mqtt.endAsync();
    expect((await connect(port, { ...KEPT, clientId: 'here' })).sessionPresent).toBe(true);
  });
});

describe('the clock of a computer that has none of its own', () => {
  it('may leap by decades without ending a session', async () => {
    const clock = new VirtualClock();
    let leapMs = 0;
    const leaping: Clock = {
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => clock.wallMs() + leapMs,
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    };
    const { port } = await startBroker({ limits: { sessionExpiryMs: 600_000 } }, { clock: leaping });
    const client = await connect(port, KEPT);
    await client.mqtt.endAsync();
    leapMs = 56 * 365 * 86_400_000;
    clock.advance(60_000);
    // The sweep ends on the event loop.
    await connect(port);
    expect((await connect(port, KEPT)).sessionPresent).toBe(true);
  });
});

describe('a session that is in use', () => {
  it('takes a QoS 2 message once, even if it is sent again over a new connection before it is synced', async () => {
    const journal = new MemoryLog();
    const { port } = await startBroker({}, { openJournal: async () => journal });
    const watcher = await connect(port);
    await watcher.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    const message = { cmd: 'publish', topic: TOPIC, payload: 'once', qos: 2, messageId: 7, retain: false } as const;
    const first = await rawClient(port, 'kept');
    const before = journal.records.length;
    journal.hold();
    first.send({ ...message, dup: false });
    await eventually(() => expect(journal.records.length).toBeGreaterThan(before));
    first.socket.destroy();
    const second = await rawClient(port, 'kept');
    second.send({ ...message, dup: true });
    const health = journal.records.length;
    await connect(port);
    journal.release();
    await eventually(() => expect(second.packets.map(({ cmd }) => cmd)).toContain('pubrec'));
    await watcher.mqtt.publishAsync(TOPIC, 'end', { qos: 1 });
    await eventually(() => expect(watcher.payloads().at(-1)).toBe('end'));
    expect(watcher.payloads()).toEqual(['once', 'end']);
    expect(health).toBeGreaterThan(before);
  });

  it('is not made by a clean client that publishes with QoS 2 and goes', async () => {
    const journal = new MemoryLog();
    const { port, broker } = await startBroker({}, { openJournal: async () => journal });
    const client = await connect(port, { clientId: 'gone', clean: true });
    const before = journal.records.length;
    journal.hold();
    client.mqtt.publish(TOPIC, 'x', { qos: 2 });
    await eventually(() => expect(journal.records.length).toBeGreaterThan(before));
    client.mqtt.stream.destroy();
    const watcher = await connect(port);
    journal.release();
    await watcher.mqtt.subscribeAsync('$SYS/#');
    await watcher.mqtt.publishAsync(TOPIC, 'later', { qos: 1 });
    await broker.stop();
    const kinds = journal.records.map(({ payload }) => decodeRecord(payload)?.kind);
    expect(kinds).not.toContain('incoming');
  });

  it('has no more filters than allowed, whatever way they come', async () => {
    const { port } = await startBroker({ limits: { subscriptionsPerClientMax: 2 } });
    const filter = (number: number): string => `mesh/v1/home/d1/f${number}`;
    const publisher = await connect(port);
    for (const clean of [true, false]) {
      const client = await connect(port, { clientId: 'many', clean });
      const several = client.mqtt.subscribeAsync([1, 2, 3, 4].map(filter), { qos: 1 });
      await expect(several).rejects.toMatchObject({ packet: { granted: [1, 1, 128, 128] } });
      await expect(client.mqtt.subscribeAsync([2, 5].map(filter), { qos: 1 })).rejects.toThrow();
      for (const number of [1, 2, 3, 4, 5])
        await publisher.mqtt.publishAsync(filter(number), String(number), { qos: 1 });
      await publisher.mqtt.publishAsync(filter(1), 'end', { qos: 1 });
      await eventually(() => expect(client.payloads().at(-1)).toBe('end'));
      expect(client.payloads()).toEqual(['1', '2', 'end']);
    }
  });

  it('keeps the will of the newer connection when the older one is thrown out', async () => {
    const folder = await newFolder();
    const first = await startBroker({}, {}, folder);
    const will = {
      topic: 'mesh/v1/home/d1/availability',
      payload: Buffer.from('newer'),
      qos: 1,
      retain: true,
    } as const;
    const older = await connect(first.port, { clientId: 'w', will: { ...will, payload: Buffer.from('older') } });
    const newer = await connect(first.port, { clientId: 'w', will });
    await eventually(() => expect(older.mqtt.connected).toBe(false));
    await newer.mqtt.publishAsync(will.topic, 'online', { qos: 1, retain: true });
    const crashed = await newFolder();
    await cp(folder, crashed, { recursive: true });
    await eraseLocks(crashed);
    const second = await startBroker({}, {}, crashed);
    const watcher = await connect(second.port);
    await watcher.mqtt.subscribeAsync(will.topic, { qos: 1 });
    await eventually(() => expect(watcher.payloads()).toEqual(['newer']));
  });

  it('forgets a will with the DISCONNECT', async () => {
    const journal = new MemoryLog();
    const { port } = await startBroker({}, { openJournal: async () => journal });
    const will = { topic: 'mesh/v1/home/d1/availability', payload: Buffer.from('x'), qos: 1, retain: true } as const;
    const client = await connect(port, { clientId: 'w', will });
    await client.mqtt.endAsync();
    await eventually(() => {
      expect(journal.records.map(({ payload }) => decodeRecord(payload)?.kind)).toContain('willGone');
    });
  });

  it('does not stay registered when the client goes while its will is being stored', async () => {
    const journal = new MemoryLog();
    const { port } = await startBroker({}, { openJournal: async () => journal });
    journal.hold();
    const before = journal.records.length;
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    const { username, password } = OPERATOR;
    const will = { topic: 'mesh/v1/home/d1/availability', payload: Buffer.from('x'), qos: 1, retain: true } as const;
    const packet = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: 'z' } as const;
    socket.write(generate({ ...packet, keepalive: 0, username, password: Buffer.from(password), will }));
    await eventually(() => expect(journal.records.length).toBeGreaterThan(before));
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    const watcher = await connect(port);
    journal.release();
    await watcher.mqtt.subscribeAsync('mesh/v1/home/b1/health');
    await eventually(() => expect(watcher.received.length).toBeGreaterThan(1), 8_000);
    expect(JSON.parse(watcher.payloads().at(-1) as string).connections).toBe(1);
  }, 15_000);
});

describe('the bound of kept sessions', () => {
  itOfOneBroker('holds for each account too', async () => {
    const { port, codes } = await startBroker({ limits: { sessionsPerAccountMax: 1, sessionsPerMachineMax: 1 } });
    for (const [id, account] of [
      ['olga', OPERATOR],
      ['d1', credentials('device', 'd1')],
    ] as const) {
      await connect(port, { ...account, clientId: `${id}/1`, clean: false });
      const another = connect(port, { ...account, clientId: `${id}/2`, clean: false });
      await expect(another).rejects.toMatchObject({ code: 3 });
      expect((await connect(port, { ...account, clientId: `${id}/1`, clean: false })).sessionPresent).toBe(true);
    }
    expect(codes()).toContain('SESSIONS_EXHAUSTED');
  });

  itOfOneBroker('refuses one more with return code 3', async () => {
    const { port, codes } = await startBroker({ limits: { sessionsMax: 1 } });
    await connect(port, KEPT);
    await expect(connect(port, { clientId: 'other', clean: false })).rejects.toMatchObject({ code: 3 });
    expect(codes()).toContain('SESSIONS_EXHAUSTED');
    await connect(port, { clientId: 'other', clean: true });
  });
});
