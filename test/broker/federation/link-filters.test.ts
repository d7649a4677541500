import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { at, drained, federate, interestKnown, linked, linkOf, newBench, portOf } from './mesh.ts';

const bench = newBench();

describe('the filters of a link', () => {
  it('hold back what is not to leave, whoever asks for it, and count it where it passes through', async () => {
    const [a, b, c] = [await bench.broker('a'), await bench.broker('b'), await bench.broker('c')];
    const fc = await federate(bench, c, { peers: [{ id: 'b' }] });
    // b passes on to c what is public, of its own clients and of others.
    const toC = { id: 'c', address: at(portOf(fc)), exports: ['public/#'] };
    const fb = await federate(bench, b, { peers: [{ id: 'a' }, toC] });
    const fa = await federate(bench, a, { peers: [{ id: 'b', address: at(portOf(fb)) }] });
    await linked(fa, fb, fc);
    b.subscribe('#');
    c.subscribe('#');
    await interestKnown(fa, fb, fc);
    for (const broker of [a, b]) {
      for (const topic of ['secret/1', 'public/1', 'secret/2']) await broker.publish(topic, broker.brokerId);
      await broker.publish('secret/v', broker.brokerId, { qos: 0 });
      await broker.publish('public/v', broker.brokerId, { qos: 0 });
    }
    await drained(fa, fb);
    await eventually(() => expect(c.payloads('public/v').sort()).toEqual(['a', 'b']));
    expect(c.payloads('public/1').sort()).toEqual(['a', 'b']);
    expect(c.deliveries).toHaveLength(4);
    expect(b.deliveries).toHaveLength(10);
    expect(linkOf(fb, 'c').droppedBy).toMatchObject({ filtered: 3 });
  });

  it('leave out what is not to come in, and the stream goes on', async () => {
    const [a, b] = [await bench.broker('a'), await bench.broker('b')];
    const fb = await federate(bench, b, { peers: [{ id: 'a', imports: ['mesh/+/state'] }] });
    const fa = await federate(bench, a, { peers: [{ id: 'b', address: at(portOf(fb)) }] });
    await linked(fa, fb);
    b.subscribe('#');
    await interestKnown(fb);
    for (let i = 0; i < 10; i++) {
      await a.publish('mesh/d1/state', `${i}`);
      await a.publish('mesh/d1/command', `${i}`);
      await a.publish('mesh/d1/set', `${i}`, { qos: 0 });
    }
    await a.publish('mesh/d1/meta', 'kept', { retain: true });
    await a.publish('mesh/d1/state', 'last');
    await drained(fa);
    expect(b.payloads()).toEqual([...Array.from({ length: 10 }, (_, i) => `${i}`), 'last']);
    expect(b.retainedText()).toEqual([]);
    expect(linkOf(fb, 'a').droppedBy).toMatchObject({ filtered: 21 });
  });

  it('of one end alone do not make the same retained messages cross with each comparison', async () => {
    const limits = { retainedCompareMs: 50 };
    const [a, b] = [await bench.broker('a'), await bench.broker('b')];
    const entry = (topic: string, stampMs: number, text = '') => {
      return { topic, payload: Buffer.from(text.padEnd(1_000)), qos: 1 as const, stampMs, stampBroker: 'a' };
    };
    await a.mergeRetained(Array.from({ length: 100 }, (_, i) => entry(`private/${i}`, 1)));
    const fb = await federate(bench, b, { peers: [{ id: 'a', imports: ['mesh/#'] }], limits });
    const fa = await federate(bench, a, { peers: [{ id: 'b', address: at(portOf(fb)) }], limits });
    await linked(fa, fb);
    const comparisons = 10;
    for (let round = 1; round <= comparisons; round++) {
      // No stream brings it: only a comparison can.
      await a.mergeRetained([entry('mesh/x', round, `round ${round}`)]);
      await eventually(() => expect(b.retainedText()).toEqual([expect.stringContaining(`round ${round}`)]));
    }
    expect(b.merges).toBe(comparisons);
    // 100 KB of what b does not let in would cross with each of them.
    expect(linkOf(fa, 'b').bytesSent).toBeLessThan(100_000);
    // In the other direction nothing is in the way.
    await b.mergeRetained([{ ...entry('other/y', 1, 'from b'), stampBroker: 'b' }]);
    await eventually(() => expect(a.retainedText()).toContainEqual(expect.stringContaining('from b')));
  });
});
