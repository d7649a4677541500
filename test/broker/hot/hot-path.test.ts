import { describe, expect, it } from 'vitest';
import type { FederationOptions, LinkFederation } from '../../../broker/federation/index.ts';
import type { FederatedMessage } from '../../../broker/federation/port.ts';
import { type LogOptions, openLog } from '../../../core/log/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { shardOfTopic } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { connect, credentials, startBroker } from '../support/harness.ts';
import { MemoryLog } from '../support/memory-log.ts';
import { RawClient } from '../support/raw-client.ts';

const HOT = { hotPath: true };
const TOPIC = 'mesh/v1/home/d1/state';

function publish(payload: string, qos: 0 | 1, messageId = 1, parts: { dup?: boolean; topic?: string } = {}) {
  const { dup = false, topic = TOPIC } = parts;
  return { cmd: 'publish', topic, payload, qos, retain: false, dup, ...(qos > 0 && { messageId }) } as const;
}

describe('what the hot path delivers', () => {
  it('has the QoS and the topic that the subscriber asked for, a packet id of its own, and no DUP', async () => {
    const { port } = await startBroker(HOT);
    const [plain, lesser, sharded] = await Promise.all(['a', 'b', 'c'].map((id) => RawClient.open(port, id)));
    const shard = shardOfTopic(TOPIC);
    await plain?.subscribe('mesh/v1/+/d1/#', 1);
    await lesser?.subscribe(TOPIC, 0);
    await sharded?.subscribe(`$shard/${shard}/mesh/v1/#`, 1);
    const publisher = await RawClient.open(port, 'publisher');
    publisher.send(publish('first', 1, 900), publish('second', 1, 901, { dup: true }), publish('x'.repeat(130), 0));
    const payloads = ['first', 'second', 'x'.repeat(130)];
    for (const client of [plain, lesser, sharded]) {
      await eventually(() => expect(client?.delivered.map(({ payload }) => payload)).toEqual(payloads));
      expect(client?.delivered.some(({ dup }) => dup)).toBe(false);
    }
    expect(plain?.delivered.map(({ qos, messageId }) => [qos, messageId])).toEqual([
      [1, 1],
      [1, 2],
      [0, undefined],
    ]);
    expect(lesser?.delivered.map(({ qos }) => qos)).toEqual([0, 0, 0]);
    expect(sharded?.delivered.map(({ qos, topic }) => `${qos} ${topic}`)).toEqual([
      `1 $shard/${shard}/${TOPIC}`,
      `1 $shard/${shard}/${TOPIC}`,
      `0 $shard/${shard}/${TOPIC}`,
    ]);
    expect(publisher.pubacks).toEqual([900, 901]);
  });

  it('waits while too much is unacknowledged, and goes on in order', async () => {
    const { port } = await startBroker({ ...HOT, limits: { inflightMessagesMax: 5 } });
    const subscriber = await RawClient.open(port, 'subscriber');
    await subscriber.subscribe('mesh/v1/+/d1/#', 1);
    subscriber.acknowledges = false;
    const publisher = await RawClient.open(port, 'publisher');
    publisher.send(...Array.from({ length: 40 }, (_, index) => publish(`${index}`, 1, index + 1)));
    await eventually(() => expect(publisher.pubacks.length).toBe(40));
    await eventually(() => expect(subscriber.delivered.length).toBe(5));
    subscriber.acknowledges = true;
    for (const { messageId } of [...subscriber.delivered])
      subscriber.send({ cmd: 'puback', messageId: messageId as number });
    const wanted = Array.from({ length: 40 }, (_, index) => `${index}`);
    await eventually(() => expect(subscriber.delivered.map(({ payload }) => payload)).toEqual(wanted));
  });

  it('reaches a subscriber from the moment on at which it has subscribed, and no more when it has unsubscribed', async () => {
    const { port } = await startBroker(HOT);
    const publisher = await RawClient.open(port, 'publisher');
    const subscriber = await connect(port);
    const send = async (text: string): Promise<void> => {
      const before = publisher.pubacks.length;
      publisher.send(publish(text, 1));
      await eventually(() => expect(publisher.pubacks.length).toBe(before + 1));
    };
    await send('too early');
    await subscriber.mqtt.subscribeAsync('mesh/v1/+/d1/#', { qos: 1 });
    await send('in time');
    await subscriber.mqtt.unsubscribeAsync('mesh/v1/+/d1/#');
    await send('too late');
    await subscriber.mqtt.subscribeAsync('mesh/v1/home/+/state', { qos: 1 });
    await send('again');
    await eventually(() => expect(subscriber.payloads()).toEqual(['in time', 'again']));
  });

  it('is kept for a session that is away, with the payloads that were published', async () => {
    const { port } = await startBroker(HOT);
    const kept = { clientId: 'kept', clean: false };
    const away = await connect(port, kept);
    await away.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    await away.mqtt.endAsync();
    const publisher = await RawClient.open(port, 'publisher');
    const payloads = Array.from({ length: 3_000 }, (_, index) => `${index} ${'y'.repeat(index % 90)}`);
    publisher.send(...payloads.map((payload, index) => publish(payload, 1, index + 1)));
    await eventually(() => expect(publisher.pubacks.length).toBe(payloads.length));
    const back = await connect(port, kept);
    await eventually(() => expect(back.payloads()).toEqual(payloads));
  });
});

describe('a client of the hot path', () => {
  it('is alive as long as it publishes, for its keep-alive', async () => {
    const { port } = await startBroker(HOT);
    const publisher = await RawClient.open(port, 'publisher', true, 1);
    const subscriber = await connect(port);
    await subscriber.mqtt.subscribeAsync(TOPIC);
    const untilMs = performance.now() + 2_500;
    for (let sent = 1; performance.now() < untilMs; sent++) {
      publisher.send(publish(`${sent}`, 0));
      await eventually(() => expect(subscriber.payloads().length).toBe(sent));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(publisher.isOpen).toBe(true);
  });

  it('may publish where it is allowed to, and nowhere else, however often it has published already', async () => {
    const { port, codes } = await startBroker(HOT);
    const device = await connect(port, credentials('device', 'd1'));
    await device.mqtt.publishAsync(TOPIC, 'allowed', { qos: 1 });
    await (await connect(port)).mqtt.publishAsync('mesh/v1/home/d2/state', 'the topic is known', { qos: 1 });
    device.mqtt.publish('mesh/v1/home/d2/state', 'forbidden', { qos: 1 });
    await eventually(() => expect(codes()).toContain('TOPIC_FORBIDDEN'));
    await eventually(() => expect(device.mqtt.connected).toBe(false));
  });
});

describe('many publishes at once', () => {
  it('share the records of the journal', async () => {
    let records = 0;
    const onGroup = (group: { records: number }): void => {
      records += group.records;
    };
    const openJournal = (options: LogOptions) => openLog({ ...options, onGroup }, { clock: systemClock });
    const { port } = await startBroker(HOT, { openJournal });
    const publishers = await Promise.all(Array.from({ length: 5 }, (_, index) => RawClient.open(port, `p${index}`)));
    for (const publisher of publishers) {
      publisher.send(...Array.from({ length: 1_000 }, (_, index) => publish('x', 1, index + 1)));
    }
    for (const publisher of publishers) await eventually(() => expect(publisher.pubacks.length).toBe(1_000));
    expect(records).toBeLessThan(500);
  });
});

describe('a disk that does not keep up', () => {
  it('holds the publishers back, so that what waits for it is bounded, and loses nothing', async () => {
    const journal = new MemoryLog();
    const { port } = await startBroker(HOT, { openJournal: async () => journal });
    const publisher = await RawClient.open(port, 'publisher');
    const payload = 'x'.repeat(60_000);
    journal.hold();
    publisher.send(...Array.from({ length: 400 }, (_, index) => publish(payload, 1, index + 1)));
    await eventually(() => expect(journal.bytes).toBeGreaterThan(7_000_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(journal.bytes).toBeLessThan(10_000_000);
    expect(publisher.pubacks).toEqual([]);
    journal.release();
    const all = Array.from({ length: 400 }, (_, index) => index + 1);
    await eventually(() => expect(publisher.pubacks).toEqual(all), 20_000);
  });
});

describe('the links', () => {
  it('are told of each QoS 0 message, and may keep what they are told', async () => {
    const told: FederatedMessage[] = [];
    const federate = ({ port }: FederationOptions): LinkFederation => {
      port.onVolatile((message) => told.push(message));
      return {
        brokerId: port.brokerId,
        start: async () => {},
        stop: async () => {},
        states: () => [],
        streams: () => [],
        listening: () => undefined,
        reachable: () => [],
        onReachableChanged: () => () => {},
        send: () => false,
        onDatagram: () => () => {},
        interestSettled: async () => true,
        caughtUp: async () => true,
        shareNodes: () => new Map(),
        isWanted: () => true,
        mustFollow: () => false,
      };
    };
    const { port } = await startBroker(HOT, { federate });
    const publisher = await RawClient.open(port, 'publisher');
    const payloads = Array.from({ length: 100 }, (_, index) => `${index}`);
    publisher.send(...payloads.map((payload) => publish(payload, 0)), publish('not this one', 1));
    await eventually(() => expect(publisher.pubacks.length).toBe(1));
    const mine = told.filter(({ topic }) => topic === TOPIC);
    expect(mine.map(({ payload }) => Buffer.from(payload).toString())).toEqual(payloads);
  });
});
