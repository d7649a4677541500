import { describe, expect, it } from 'vitest';
import { LatticeError } from '../../core/errors/index.ts';
import { seededRandom } from '../../core/random/index.ts';
import { eventually } from '../support/eventually.ts';
import { connect, credentials, startBroker } from './support/harness.ts';
import { MemoryLog } from './support/memory-log.ts';

const TOPIC = 'mesh/v1/home/d1/state';

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

describe('acknowledged is durable', () => {
  it('sends no PUBACK, no PUBREC and no SUBACK of a kept session before the journal has synced', async () => {
    const journal = new MemoryLog();
    const { port } = await startBroker({}, { openJournal: async () => journal });
    const publisher = await connect(port, { clientId: 'publisher' });
    const subscriber = await connect(port, { clientId: 'kept', clean: false });
    const before = journal.records.length;
    journal.hold();
    const done: string[] = [];
    const work = [
      publisher.mqtt.publishAsync(TOPIC, 'one', { qos: 1 }).then(() => done.push('puback')),
      publisher.mqtt.publishAsync(TOPIC, 'two', { qos: 2 }).then(() => done.push('pubcomp')),
      subscriber.mqtt.subscribeAsync(TOPIC, { qos: 1 }).then(() => done.push('suback')),
    ];
    // Whole connections are made meanwhile, so what could be answered has been by now.
    for (let round = 0; round < 5; round++) await connect(port);
    expect(journal.records.length).toBeGreaterThanOrEqual(before + 3);
    expect(done).toEqual([]);
    expect(subscriber.received).toEqual([]);
    journal.release();
    await Promise.all(work);
    expect(done.sort()).toEqual(['puback', 'pubcomp', 'suback']);
  });

  it('gives no PUBACK while the disk is full, says so, and goes on by itself', async () => {
    const journal = new MemoryLog();
    const { port, codes } = await startBroker({}, { openJournal: async () => journal });
    const subscriber = await connect(port, { clientId: 's' });
    await subscriber.mqtt.subscribeAsync('mesh/v1/#', { qos: 1 });
    const publisher = await connect(port, { clientId: 'p', reconnectPeriod: 50 });
    journal.failWith = new LatticeError('DISK_FULL', 'No space left.');
    let acknowledged = false;
    const publishing = publisher.mqtt.publishAsync(TOPIC, 'kept by the client', { qos: 1 }).then(() => {
      acknowledged = true;
    });
    await eventually(() => expect(codes()).toContain('DISK_FULL'));
    await new Promise<void>((resolve) => publisher.mqtt.once('close', () => resolve()));
    expect(acknowledged).toBe(false);
    // QoS 0 needs no disk.
    const other = await connect(port, { clientId: 'q' });
    await other.mqtt.publishAsync(TOPIC, 'volatile', { qos: 0 });
    await eventually(() => expect(subscriber.payloads(TOPIC)).toEqual(['volatile']));
    journal.failWith = undefined;
    await publishing;
    await eventually(() => expect(subscriber.payloads(TOPIC)).toContain('kept by the client'));
  });
});

describe('nothing is lost to reordering', () => {
  it('delivers 400 of 400 alternating retained and plain QoS 0 messages, in order', async () => {
    const { port } = await startBroker();
    const subscriber = await connect(port);
    await subscriber.mqtt.subscribeAsync('mesh/v1/home/#', { qos: 0 });
    const publisher = await connect(port);
    for (const [index, payload] of numbered(400).entries()) {
      publisher.mqtt.publish(TOPIC, payload, { qos: 0, retain: index % 2 === 0 });
    }
    await eventually(() => expect(subscriber.payloads(TOPIC)).toHaveLength(400));
    expect(subscriber.payloads(TOPIC)).toEqual(numbered(400));
  });

  it('delivers 200 of 200 QoS 1 messages in order while the journal jitters by 0 to 5 ms', async () => {
    const random = seededRandom('jitter');
    class JitteryLog extends MemoryLog {
      override async append(record: Uint8Array): Promise<number> {
        const position = await super.append(record);
        await new Promise((resolve) => setTimeout(resolve, random.next() * 5));
        return position;
      }
    }
    const { port } = await startBroker({}, { openJournal: async () => new JitteryLog() });
    const subscriber = await connect(port);
    await subscriber.mqtt.subscribeAsync('mesh/v1/home/#', { qos: 1 });
    const publisher = await connect(port);
    await Promise.all(numbered(200).map((payload) => publisher.mqtt.publishAsync(TOPIC, payload, { qos: 1 })));
    await eventually(() => expect(subscriber.payloads(TOPIC)).toHaveLength(200));
    expect(subscriber.payloads(TOPIC)).toEqual(numbered(200));
  });

  it('delivers once to a client whose filters overlap, at the highest QoS granted', async () => {
    const { port } = await startBroker();
    const subscriber = await connect(port);
    await subscriber.mqtt.subscribeAsync({
      'mesh/v1/#': { qos: 0 },
      [TOPIC]: { qos: 1 },
      'mesh/v1/home/#': { qos: 0 },
    });
    const publisher = await connect(port);
    await publisher.mqtt.publishAsync(TOPIC, 'once', { qos: 2 });
    await publisher.mqtt.publishAsync(TOPIC, 'end', { qos: 1 });
    await eventually(() => expect(subscriber.payloads(TOPIC)).toContain('end'));
    expect(
      subscriber.received.filter(({ topic }) => topic === TOPIC).map(({ payload, qos }) => [payload, qos]),
    ).toEqual([
      ['once', 1],
      ['end', 1],
    ]);
  });
});

describe('shards', () => {
  it('delivers inside the shard of the device, retained messages included, and nothing of other shards', async () => {
    const { port } = await startBroker();
    const operator = await connect(port);
    await operator.mqtt.publishAsync('mesh/v1/home/d1/meta', 'kept', { qos: 1, retain: true });
    const every = await connect(port, { ...credentials('gateway', 'g1'), clean: false, clientId: 'g1/every' });
    await every.mqtt.subscribeAsync('$shard/+/mesh/v1/+/+/meta', { qos: 1 });
    await eventually(() => expect(every.received).toHaveLength(1));
    const topic = every.received[0]?.topic as string;
    expect(topic).toMatch(/^\$shard\/\d+\/mesh\/v1\/home\/d1\/meta$/);
    const shard = topic.split('/')[1];
    const owner = await connect(port, credentials('gateway', 'g2'));
    await owner.mqtt.subscribeAsync(`$shard/${shard}/mesh/v1/#`, { qos: 1 });
    const other = await connect(port, credentials('gateway', 'g3'));
    await other.mqtt.subscribeAsync(`$shard/${(Number(shard) + 1) % 64}/mesh/v1/home/d1/#`, { qos: 1 });
    await operator.mqtt.publishAsync(TOPIC, 'live', { qos: 1 });
    await eventually(() => expect(owner.payloads(`$shard/${shard}/${TOPIC}`)).toEqual(['live']));
    expect(owner.received.find(({ payload }) => payload === 'kept')?.retain).toBe(true);
    expect(other.received).toEqual([]);
  });
});

describe('retained messages', () => {
  it('are seen by a SUBSCRIBE that follows the PUBLISH at once, flagged and once', async () => {
    const { port } = await startBroker();
    for (let round = 0; round < 20; round++) {
      const client = await connect(port);
      const topic = `mesh/v1/home/d${round}/meta`;
      client.mqtt.publish(topic, 'now', { qos: 0, retain: true });
      await client.mqtt.subscribeAsync(topic, { qos: 1 });
      await client.mqtt.publishAsync(`${topic}/end`, '', { qos: 1 });
      await eventually(() => expect(client.received).toHaveLength(1));
      expect(client.received[0]).toMatchObject({ payload: 'now', retain: true });
    }
  });

  it('are deleted by an empty payload', async () => {
    const { port } = await startBroker();
    const client = await connect(port);
    await client.mqtt.publishAsync('mesh/v1/home/d1/meta', 'old', { qos: 1, retain: true });
    await client.mqtt.publishAsync('mesh/v1/home/d1/meta', '', { qos: 1, retain: true });
    await client.mqtt.publishAsync('mesh/v1/home/d2/meta', 'there', { qos: 1, retain: true });
    await client.mqtt.subscribeAsync('mesh/v1/home/+/meta', { qos: 1 });
    await eventually(() => expect(client.received).toHaveLength(1));
    expect(client.payloads()).toEqual(['there']);
  });
});
