import { describe, expect, it } from 'vitest';
import { shardOfTopic } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { freePort } from '../../support/free-port.ts';
import { cleanup, connect, startBroker, type TestClient } from '../support/harness.ts';
import { startProcess } from '../support/process.ts';
import { newFolder } from '../support/store.ts';

async function linkParts(): Promise<[a: Record<string, unknown>, b: Record<string, unknown>]> {
  const port = await freePort();
  const host = '127.0.0.1';
  const a = { id: 'a', links: { peers: [{ id: 'b', host, port }] } };
  const b = { id: 'b', links: { listen: { port }, peers: [{ id: 'a', host, port: 1 }] } };
  return [a, b];
}

/** Publishes 0, 1, 2… with ten in flight, over one connection after the other; notes what was acknowledged. */
class Stream {
  readonly acknowledged = new Set<number>();
  readonly #topic: string;
  #next = 0;
  #isStopped = false;

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** Resolves when the connection is gone or stop() was called. */
  async run(client: TestClient): Promise<void> {
    this.#isStopped = false;
    const worker = async (): Promise<void> => {
      while (!this.#isStopped) {
        const number = this.#next++;
        await client.mqtt.publishAsync(this.#topic, String(number), { qos: 1 });
        this.acknowledged.add(number);
      }
    };
    const gone = new Promise<void>((resolve) => client.mqtt.once('close', () => resolve()));
    const workers = Promise.all(Array.from({ length: 10 }, worker)).then(
      () => {},
      () => {},
    );
    await Promise.race([gone, workers]);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async more(count: number): Promise<void> {
    const goal = this.acknowledged.size + count;
    await eventually(() => expect(this.acknowledged.size).toBeGreaterThan(goal), 20_000);
  }
}

describe('two real brokers', () => {
  it('lose no acknowledged message and keep the order when either is killed mid-stream', async () => {
    const [partsA, partsB] = await linkParts();
    const [folderA, folderB] = [await newFolder(), await newFolder()];
    const kept = { clientId: 'kept', clean: false } as const;
    const topic = 'mesh/v1/home/d1/state';
    let b = await startProcess(folderB, partsB);
    let a = await startProcess(folderA, partsA);
    const first = await connect(b.port, kept);
    await first.mqtt.subscribeAsync('mesh/v1/home/#', { qos: 1 });
    const probe = await connect(a.port);
    await eventually(async () => {
      await probe.mqtt.publishAsync('mesh/v1/home/probe/state', 'p', { qos: 1 });
      expect(first.payloads('mesh/v1/home/probe/state').length).toBeGreaterThan(0);
    });

    const stream = new Stream(topic);
    const publishing = stream.run(await connect(a.port));
    await eventually(() => expect(first.payloads(topic).length).toBeGreaterThan(200));
    await b.end('SIGKILL');
    await stream.more(200);
    b = await startProcess(folderB, partsB);
    const second = await connect(b.port, kept);
    await eventually(() => expect(second.payloads(topic).length).toBeGreaterThan(100), 20_000);
    await a.end('SIGKILL');
    await publishing;
    a = await startProcess(folderA, partsA);
    const publisher = await connect(a.port);
    const again = stream.run(publisher);
    await stream.more(200);
    stream.stop();
    await again;
    await publisher.mqtt.publishAsync('mesh/v1/home/end/state', 'end', { qos: 1 });
    await eventually(() => expect(second.payloads('mesh/v1/home/end/state')).toEqual(['end']), 20_000);

    const arrivals = [...new Set([...first.payloads(topic), ...second.payloads(topic)].map(Number))];
    const lost = [...stream.acknowledged].filter((number) => !arrivals.includes(number));
    expect(lost).toEqual([]);
    expect(arrivals).toEqual(arrivals.toSorted((x, y) => x - y));
    // Over one connection that stayed, nothing came twice: the link itself doubles nothing.
    expect(new Set(second.payloads(topic)).size).toBe(second.payloads(topic).length);
  }, 60_000);

  it('lose nothing when a link falls silent and the sender is killed in the middle of the replay', async () => {
    const [partsA, partsB] = await linkParts();
    const topic = 'mesh/v1/home/d1/state';
    // The replay comes faster than the reader reads; what it is about is the link, not the reader's queue.
    const b = await startBroker({
      ...partsB,
      limits: { sessionQueueMessagesMax: 10_000_000, sessionQueueBytesMax: 2 ** 31 },
    });
    const proxy = await FaultProxy.open(b.broker.addresses.linkPort as number);
    cleanup(() => proxy.close());
    partsA['links'] = { peers: [{ id: 'b', host: '127.0.0.1', port: proxy.port }] };
    const folderA = await newFolder();
    let a = await startProcess(folderA, partsA);
    const reader = await connect(b.port);
    await reader.mqtt.subscribeAsync(topic, { qos: 1 });
    const stream = new Stream(topic);
    const publishing = stream.run(await connect(a.port));
    await eventually(() => expect(reader.payloads().length).toBeGreaterThan(100), 20_000);
    proxy.stall();
    await stream.more(4_000);
    // The links of both ends find the silence by themselves; then the way is free again, and narrow.
    await eventually(() => expect(b.log.some(({ code }) => code === 'LINK_DOWN')).toBe(true), 10_000);
    const before = reader.payloads().length;
    proxy.mend();
    proxy.impair({ bytesPerSecondMax: 20_000 });
    proxy.reset();
    await eventually(() => expect(reader.payloads().length).toBeGreaterThan(before), 20_000, 2);
    await a.end('SIGKILL');
    await publishing;
    const killedAt = reader.payloads().length;
    expect(killedAt, 'the kill came before the end of the replay').toBeLessThan(stream.acknowledged.size);
    proxy.mend();
    a = await startProcess(folderA, partsA);
    const publisher = await connect(a.port);
    await publisher.mqtt.publishAsync(topic, 'end', { qos: 1 });
    await eventually(() => expect(reader.payloads().at(-1)).toBe('end'), 20_000);
    const arrivals = reader.payloads().slice(0, -1).map(Number);
    const arrived = new Set(arrivals);
    console.log(`killed after ${killedAt} of ${stream.acknowledged.size} acknowledged; ${arrived.size} arrived`);
    expect([...stream.acknowledged].filter((number) => !arrived.has(number))).toEqual([]);
    expect(arrivals).toEqual([...arrived].sort((x, y) => x - y));
  }, 60_000);

  it('serve a shard at one broker with what devices publish at the other, and take a retained deletion along', async () => {
    const [partsA, partsB] = await linkParts();
    const b = await startBroker(partsB);
    const a = await startBroker(partsA);
    const gateway = await connect(b.port);
    const device = await connect(a.port);
    const topics = Array.from({ length: 30 }, (_, i) => `mesh/v1/home/dev-${i}/state`);
    const shard = shardOfTopic(topics[3] as string) as number;
    const space = `$shard/${shard}/`;
    await gateway.mqtt.subscribeAsync(`${space}mesh/v1/#`, { qos: 1 });
    await eventually(async () => {
      await device.mqtt.publishAsync(topics[3] as string, 'probe', { qos: 1 });
      expect(gateway.received.length).toBeGreaterThan(0);
    });
    for (const topic of topics) await device.mqtt.publishAsync(topic, 'reading', { qos: 1 });
    const wanted = topics.filter((topic) => shardOfTopic(topic) === shard).map((topic) => space + topic);
    await eventually(() => {
      const readings = gateway.received.filter(({ payload }) => payload === 'reading');
      expect(readings.map(({ topic }) => topic)).toEqual(wanted);
    });

    await device.mqtt.publishAsync('mesh/v1/home/d9/meta', 'here', { qos: 1, retain: true });
    const late = await connect(b.port);
    await eventually(async () => {
      await late.mqtt.subscribeAsync('mesh/v1/home/d9/meta', { qos: 1 });
      expect(late.received.some(({ retain, payload }) => retain && payload === 'here')).toBe(true);
    });
    await device.mqtt.publishAsync('mesh/v1/home/d9/meta', '', { qos: 1, retain: true });
    await eventually(() => expect(late.payloads().at(-1)).toBe(''));
    const later = await connect(b.port);
    await later.mqtt.subscribeAsync(['mesh/v1/home/d9/meta'], { qos: 1 });
    await later.mqtt.publishAsync('mesh/v1/home/d9/meta', 'only this', { qos: 1 });
    await eventually(() => expect(later.payloads()).toEqual(['only this']));
  });
});
