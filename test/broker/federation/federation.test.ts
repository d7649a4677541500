import { afterEach, describe, expect, it } from 'vitest';
import { shardOfTopic } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { Bench, type FakeBroker } from './fake-broker.ts';
import { drained, federate, linked, portOf } from './mesh.ts';

let bench = new Bench();
afterEach(async () => {
  await bench.close();
  bench = new Bench();
});

/** Brokers a, b, c… in a full mesh. The greater id listens, so it starts first and the smaller is told its port. */
async function mesh(...ids: string[]) {
  const brokers = new Map<string, FakeBroker>();
  const federations = [];
  const ports = new Map<string, number>();
  for (const id of ids.toSorted().toReversed()) {
    const broker = await bench.broker(id);
    const peers = ids.filter((other) => other !== id).map((other) => ({ id: other, port: ports.get(other) ?? 1 }));
    const federation = await federate(bench, broker, { peers });
    brokers.set(id, broker);
    ports.set(id, portOf(federation));
    federations.unshift(federation);
  }
  await linked(...federations);
  return { brokers: ids.map((id) => brokers.get(id) as FakeBroker), federations };
}

describe('two brokers', () => {
  it('exchange what the clients of the other have subscribed to, and nothing else', async () => {
    const { brokers, federations } = await mesh('a', 'b');
    const [a, b] = brokers as [FakeBroker, FakeBroker];
    b.subscribe('mesh/v1/+/+/state');
    a.subscribe('cmd/#');
    await eventually(async () => {
      await a.publish('mesh/v1/s/probe/state', 'probe');
      await b.publish('cmd/probe', 'probe');
      expect(b.payloads().length * a.payloads().length).toBeGreaterThan(0);
    });
    await drained(...federations);
    const before = b.accepts;
    for (let i = 0; i < 50; i++) await a.publish(`mesh/v1/s/d${i}/state`, `${i}`);
    for (let i = 0; i < 50; i++) await a.publish(`other/${i}`, 'unwanted');
    await b.publish('cmd/d1', 'restart', { qos: 2 });
    await drained(...federations);
    await eventually(() => expect(a.payloads('cmd/d1')).toEqual(['restart']));
    expect(b.accepts - before).toBe(50);
    expect(b.deliveries.filter(({ topic }) => topic !== 'mesh/v1/s/probe/state')).toEqual(
      Array.from({ length: 50 }, (_, i) => ({ topic: `mesh/v1/s/d${i}/state`, payload: `${i}`, qos: 1, origin: 'a' })),
    );
    expect(a.deliveries.at(-1)).toMatchObject({ qos: 2, origin: 'b' });
    const [state] = federations[0]?.states() ?? [];
    expect(state).toMatchObject({ peer: 'b', state: 'up', backlogMessages: 0, dropped: 0, duplicates: 0 });
    expect(state?.roundTripMs).toBeGreaterThan(0);
    expect(state?.sent).toBe(b.accepts);
    expect(a.journal.nextPosition).toBe((await a.journal.cursor('link-b')).position);
  });

  it('follow a change of subscriptions', async () => {
    const { brokers, federations } = await mesh('a', 'b');
    const [a, b] = brokers as [FakeBroker, FakeBroker];
    b.subscribe('one', 'two');
    await eventually(async () => {
      await a.publish('one', 'x');
      expect(b.payloads('one').length).toBeGreaterThan(0);
    });
    b.unsubscribe('one');
    b.subscribe('three');
    await eventually(async () => {
      await a.publish('three', 'y');
      expect(b.payloads('three').length).toBeGreaterThan(0);
    });
    await drained(...federations);
    const accepted = b.accepts;
    await a.publish('one', 'z');
    await a.publish('two', 'z');
    await drained(...federations);
    expect(b.accepts - accepted).toBe(1);
  });

  it('serve shard subscriptions across the link', async () => {
    const { brokers, federations } = await mesh('a', 'b');
    const [a, b] = brokers as [FakeBroker, FakeBroker];
    const topics = Array.from({ length: 40 }, (_, i) => `mesh/v1/site/dev-${i}/state`);
    const shard = shardOfTopic(topics[0] as string);
    b.subscribe(`$shard/${shard}/mesh/v1/#`);
    await eventually(async () => {
      await a.publish(topics[0] as string, 'probe');
      expect(b.payloads(topics[0] as string).length).toBeGreaterThan(0);
    });
    await drained(...federations);
    b.deliveries.length = 0;
    for (const topic of topics) await a.publish(topic, 'r');
    await drained(...federations);
    const expected = topics.filter((topic) => shardOfTopic(topic) === shard);
    expect(b.deliveries.map(({ topic }) => topic)).toEqual(expected);
    expect(expected.length).toBeLessThan(topics.length);
  });

  it('send QoS 0 live, never to the journal, and never $SYS', async () => {
    const { brokers, federations } = await mesh('a', 'b');
    const [a, b] = brokers as [FakeBroker, FakeBroker];
    b.subscribe('#', '$SYS/#');
    await eventually(async () => {
      await a.publish('probe', '', { qos: 0 });
      expect(b.payloads('probe').length).toBeGreaterThan(0);
    });
    const journalled = b.journal.nextPosition;
    await a.publish('$SYS/a/uptime', '1');
    await a.publish('$SYS/a/uptime', '1', { retain: true });
    for (let i = 0; i < 100; i++) await a.publish('volatile', `${i}`, { qos: 0 });
    await eventually(() => expect(b.payloads('volatile')).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`)));
    await drained(...federations);
    expect(b.journal.nextPosition).toBe(journalled);
    expect(a.journal.nextPosition).toBe(2);
    expect([...b.retained()]).toEqual([]);
    expect(b.deliveries.some(({ topic }) => topic.startsWith('$SYS'))).toBe(false);
  });

  it('keep the order of each topic, QoS 1 and retained mixed, and deliver each message once', async () => {
    const { brokers, federations } = await mesh('a', 'b');
    const [a, b] = brokers as [FakeBroker, FakeBroker];
    b.subscribe('t/#');
    await eventually(async () => {
      await a.publish('t/probe', 'p');
      expect(b.payloads('t/probe').length).toBeGreaterThan(0);
    });
    const texts = Array.from({ length: 500 }, (_, i) => `${i}`);
    await Promise.all(texts.map((text, i) => a.publish(`t/${i % 3}`, text, { retain: i % 3 === 1 })));
    await drained(...federations);
    await eventually(() => expect(b.payloads().filter((payload) => payload !== 'p')).toHaveLength(500));
    for (const rest of [0, 1, 2]) {
      expect(b.payloads(`t/${rest}`)).toEqual(texts.filter((_, i) => i % 3 === rest));
    }
    expect(b.retainedText()).toEqual(a.retainedText());
  });

  it('carry large messages and bytes of every value', async () => {
    const { brokers } = await mesh('a', 'b');
    const [a, b] = brokers as [FakeBroker, FakeBroker];
    b.subscribe('big/é');
    const payload = Buffer.alloc(200_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i))).toString('latin1');
    await a.publish('big/é', payload);
    await eventually(async () => {
      expect(b.payloads().at(-1)).toBe(payload);
    });
  });
});

describe('three brokers in a triangle', () => {
  it('deliver exactly one copy of each message to each subscriber, without a storm', async () => {
    const { brokers, federations } = await mesh('a', 'b', 'c');
    for (const broker of brokers) broker.subscribe('t/#');
    for (const broker of brokers) {
      await eventually(async () => {
        await broker.publish('t/probe', broker.brokerId);
        for (const other of brokers) expect(other.payloads('t/probe')).toContain(broker.brokerId);
      });
    }
    await drained(...federations);
    for (const broker of brokers) {
      broker.deliveries.length = 0;
      broker.accepts = 0;
    }
    const texts = Array.from({ length: 200 }, (_, i) => `${i}`);
    await Promise.all(brokers.flatMap((broker) => texts.map((text) => broker.publish(`t/${broker.brokerId}`, text))));
    await Promise.all(brokers.map((broker) => broker.publish('t/retained', broker.brokerId, { retain: true })));
    await drained(...federations);
    for (const broker of brokers) {
      for (const { brokerId } of brokers) expect(broker.payloads(`t/${brokerId}`)).toEqual(texts);
      expect(broker.accepts).toBe(400);
      expect(broker.retainedText()).toEqual(brokers[0]?.retainedText());
    }
  });
});
