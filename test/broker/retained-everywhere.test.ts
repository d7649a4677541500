import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/random/index.ts';
import { delay, systemClock } from '../../core/time/index.ts';
import { eventually } from '../support/eventually.ts';
import { connect, startChain, type TestBroker } from './support/harness.ts';

const TOPICS = 300;
const SEED = 'retained everywhere';

describe('a retained message that was acknowledged at one broker', () => {
  it('reaches whoever subscribes at another, 0 to 1,000 ms later: 300 of 300', async () => {
    const brokers = await startChain(3);
    const [first, , last] = brokers as [TestBroker, TestBroker, TestBroker];
    const random = seededRandom(SEED);
    const publisher = await connect(first.port);
    const subscriber = await connect(last.port);
    const topics = Array.from({ length: TOPICS }, (_, index) => `mesh/v1/home/d${index}/meta`);
    const publishThenSubscribe = async (topic: string): Promise<void> => {
      await delay(systemClock, 1_000 * random.next());
      await publisher.mqtt.publishAsync(topic, topic, { qos: 1, retain: true });
      // Many at once, with nothing in between.
      await delay(systemClock, random.next() < 0.3 ? 0 : 1_000 * random.next());
      await subscriber.mqtt.subscribeAsync(topic, { qos: 1 });
    };
    await Promise.all(topics.map(publishThenSubscribe));
    await eventually(() => expect(new Set(subscriber.received.map(({ payload }) => payload)).size).toBe(TOPICS));
    // One that arrives while the SUBACK is held may come as a live message and as a retained one.
    expect(subscriber.received.length, `seed "${SEED}"`).toBeLessThan(1.2 * TOPICS);
  });

  it('deleted at another stays deleted at all', async () => {
    const brokers = await startChain(3);
    const [first, middle, last] = brokers as [TestBroker, TestBroker, TestBroker];
    const topic = 'mesh/v1/home/d1/meta';
    const atFirst = await connect(first.port);
    const atLast = await connect(last.port);
    await atLast.mqtt.subscribeAsync(topic, { qos: 1 });
    await atFirst.mqtt.publishAsync(topic, 'here', { qos: 1, retain: true });
    await eventually(() => expect(atLast.payloads(topic)).toEqual(['here']));
    await atLast.mqtt.publishAsync(topic, '', { qos: 1, retain: true });
    const atMiddle = await connect(middle.port);
    await atFirst.mqtt.subscribeAsync('mesh/v1/home/d2/meta', { qos: 1 });
    await atLast.mqtt.publishAsync('mesh/v1/home/d2/meta', 'behind it', { qos: 1 });
    await eventually(() => expect(atFirst.payloads('mesh/v1/home/d2/meta')).toEqual(['behind it']));
    for (const client of [atFirst, atMiddle]) await client.mqtt.subscribeAsync(topic, { qos: 1 });
    await atLast.mqtt.publishAsync(topic, 'anew', { qos: 1 });
    for (const client of [atFirst, atMiddle]) {
      await eventually(() => expect(client.payloads(topic)).toEqual(['anew']));
    }
  });
});
