import { describe, expect, it } from 'vitest';
import { shardOfTopic } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { drained, interestKnown, linkOf, newBench, pair } from './mesh.ts';

const bench = newBench();

describe('two brokers', () => {
  it('exchange what the clients of the other have subscribed to, and nothing else', async () => {
    const { a, b, fa, fb } = await pair(bench);
    b.subscribe('mesh/v1/+/+/state');
    a.subscribe('cmd/#');
    await interestKnown(fa, fb);
    for (let i = 0; i < 50; i++) await a.publish(`mesh/v1/s/d${i}/state`, `${i}`);
    for (let i = 0; i < 50; i++) await a.publish(`other/${i}`, 'unwanted');
    await b.publish('cmd/d1', 'restart', { qos: 2 });
    await drained(fa, fb);
    expect(b.accepted).toBe(50);
    expect(b.deliveries).toEqual(
      Array.from({ length: 50 }, (_, i) => ({ topic: `mesh/v1/s/d${i}/state`, payload: `${i}`, qos: 1, origin: 'a' })),
    );
    expect(a.deliveries).toEqual([{ topic: 'cmd/d1', payload: 'restart', qos: 2, origin: 'b' }]);
    expect(linkOf(fa, 'b')).toMatchObject({ state: 'up', backlogMessages: 0, dropped: 0, duplicates: 0, sent: 50 });
    expect(linkOf(fb, 'a')).toMatchObject({ received: 50, sent: 1 });
    expect(linkOf(fa, 'b').roundTripMs).toBeGreaterThan(0);
    expect(a.journal.nextPosition).toBe((await a.journal.cursor('to-b')).position);
  });

  it('follow a change of subscriptions', async () => {
    const { a, b, fa, fb } = await pair(bench);
    b.subscribe('one', 'two');
    await interestKnown(fb);
    await a.publish('one', 'x');
    await drained(fa);
    b.unsubscribe('one');
    b.subscribe('three');
    await interestKnown(fb);
    await a.publish('one', 'z');
    await a.publish('two', 'z');
    await a.publish('three', 'z');
    await drained(fa);
    expect(b.payloads('one')).toEqual(['x']);
    expect(b.accepted).toBe(3);
  });

  it('serve shard subscriptions across the link', async () => {
    const { a, b, fa, fb } = await pair(bench);
    const topics = Array.from({ length: 40 }, (_, i) => `mesh/v1/site/dev-${i}/state`);
    const shard = shardOfTopic(topics[0] as string);
    b.subscribe(`$shard/${shard}/mesh/v1/#`);
    await interestKnown(fb);
    for (const topic of topics) await a.publish(topic, 'r');
    await drained(fa);
    const expected = topics.filter((topic) => shardOfTopic(topic) === shard);
    expect(b.deliveries.map(({ topic }) => topic)).toEqual(expected);
    expect(b.accepted).toBe(expected.length);
    expect(expected.length).toBeLessThan(topics.length);
  });

  it('send QoS 0 live, never to the journal, and never $SYS', async () => {
    const { a, b, fa, fb } = await pair(bench);
    b.subscribe('#', '$SYS/#');
    await interestKnown(fb);
    await a.publish('$SYS/a/uptime', '1', { qos: 0 });
    await a.publish('$SYS/a/uptime', '1');
    await a.publish('$SYS/a/uptime', '1', { retain: true });
    const texts = Array.from({ length: 100 }, (_, i) => `${i}`);
    for (const text of texts) await a.publish('volatile', text, { qos: 0 });
    await eventually(() => expect(b.payloads('volatile')).toEqual(texts));
    await drained(fa);
    expect(b.journal.nextPosition).toBe(0);
    expect(a.journal.nextPosition).toBe(2);
    expect([...b.retained()]).toEqual([]);
    expect(b.deliveries.filter(({ topic }) => topic !== 'volatile')).toEqual([]);
  });

  it('keep the order of an origin, QoS 1 and 2 and retained mixed, and deliver each message once', async () => {
    const { a, b, fa, fb } = await pair(bench);
    b.subscribe('t/#');
    await interestKnown(fb);
    const texts = Array.from({ length: 500 }, (_, i) => `${i}`);
    const qosOf = (i: number) => (i % 2 === 0 ? 1 : 2);
    await Promise.all(texts.map((text, i) => a.publish(`t/${i % 3}`, text, { qos: qosOf(i), retain: i % 3 === 1 })));
    await drained(fa);
    const stream = b.payloads().filter((text) => Number(text) % 3 !== 1);
    expect(stream).toEqual(texts.filter((_, i) => i % 3 !== 1));
    expect(b.retainedText()).toEqual(a.retainedText());
  });

  it('carry large messages and bytes of every value, compressed and not', async () => {
    for (const compresses of [false, true]) {
      const { a, b, fb } = await pair(bench, { compresses });
      b.subscribe('big/é');
      await interestKnown(fb);
      const payload = Buffer.alloc(200_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i))).toString('latin1');
      await a.publish('big/é', payload);
      await eventually(() => expect(b.payloads()).toEqual([payload]));
    }
  });
});
