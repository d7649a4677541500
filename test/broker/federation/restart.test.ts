import { cp } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { Bench } from './fake-broker.ts';
import { at, drained, federate, interestKnown, keptLog, linked, linkOf, newBench, portOf } from './mesh.ts';

const bench = newBench();

describe('a broker that ends', () => {
  it('goes on where its streams stood: sender and receiver restarted, 0 lost, 0 doubled', async () => {
    const folders = [await bench.folder(), await bench.folder()] as const;
    const collected: string[] = [];
    const texts = Array.from({ length: 300 }, (_, i) => `${i}`);
    let listenPort = 0;
    for (let life = 0; life < 3; life++) {
      const inner = new Bench();
      bench.onClose(() => inner.close());
      const a = await inner.broker('a', folders[0], 'life-of-a');
      const b = await inner.broker('b', folders[1], 'life-of-b');
      b.subscribe('t');
      const fb = await federate(inner, b, { peers: [{ id: 'a' }], listen: at(listenPort) });
      listenPort = portOf(fb);
      const fa = await federate(inner, a, { peers: [{ id: 'b', address: at(listenPort) }] });
      await Promise.all(texts.slice(100 * life, 100 * (life + 1)).map((text) => a.publish('t', text)));
      // In the first two lives it ends with some under way.
      await eventually(() => expect(b.deliveries.length).toBeGreaterThan(5));
      if (life === 2) {
        await linked(fa, fb);
        await drained(fa, fb);
      }
      await inner.close();
      expect(b.duplicates).toBe(0);
      collected.push(...b.payloads('t'));
    }
    expect(collected).toEqual(texts);
  });

  it('and comes back with an empty folder is a new life: it gets what is published from its last word on, once', async () => {
    const a = await bench.broker('a');
    const first = new Bench();
    bench.onClose(() => first.close());
    const b1 = await first.broker('b');
    b1.subscribe('t');
    const fb1 = await federate(first, b1, { peers: [{ id: 'a' }] });
    const listen = at(portOf(fb1));
    const fa = await federate(bench, a, { peers: [{ id: 'b', address: listen }] });
    a.subscribe('u');
    await linked(fa, fb1);
    await interestKnown(fa, fb1);
    for (let i = 0; i < 20; i++) await b1.publish('u', `old ${i}`);
    await a.publish('t', 'before');
    await a.publish('kept', 'retained', { retain: true });
    await drained(fa, fb1);
    await first.close();
    await a.publish('t', 'meanwhile');
    const b2 = await bench.broker('b');
    b2.subscribe('t');
    const fb2 = await federate(bench, b2, { peers: [{ id: 'a' }], listen });
    await linked(fa, fb2);
    await a.publish('t', 'after');
    await drained(fa, fb2);
    expect(b2.payloads('t')).toEqual(['meanwhile', 'after']);
    await eventually(() => expect(b2.retainedText()).toEqual(a.retainedText()));
    expect(b2.merges).toBe(1);
    // What b publishes in its new life is news to a, though its journal begins at 0 again.
    await b2.publish('u', 'new 0');
    await drained(fb2);
    expect(a.payloads('u')).toEqual([...Array.from({ length: 20 }, (_, i) => `old ${i}`), 'new 0']);
  });

  it('is not mistaken for its other life by a broker that it does not link to', async () => {
    const [a, b] = [await bench.broker('a'), await bench.broker('b')];
    const first = new Bench();
    bench.onClose(() => first.close());
    const c1 = await first.broker('c');
    const fc1 = await federate(first, c1, { peers: [{ id: 'b' }] });
    const listen = at(portOf(fc1));
    const fb = await federate(bench, b, { peers: [{ id: 'a' }, { id: 'c', address: listen }] });
    const fa = await federate(bench, a, { peers: [{ id: 'b', address: at(portOf(fb)) }] });
    await linked(fa, fb, fc1);
    a.subscribe('t');
    c1.subscribe('t');
    await interestKnown(fa, fc1);
    for (let i = 0; i < 10; i++) await Promise.all([c1.publish('t', `c1 ${i}`), a.publish('t', `a ${i}`)]);
    await drained(fa, fc1);
    await first.close();
    await eventually(() => expect(fa.reachable()).toEqual(['b']));
    const c2 = await bench.broker('c');
    c2.subscribe('t');
    const fc2 = await federate(bench, c2, { peers: [{ id: 'b' }], listen });
    await linked(fa, fb, fc2);
    await interestKnown(fa, fc2);
    await Promise.all([c2.publish('t', 'c2 0'), a.publish('t', 'a 10')]);
    await drained(fa, fc2);
    expect(c2.payloads('t').sort()).toEqual(['a 10', 'c2 0']);
    expect(a.payloads('t').filter((text) => text.startsWith('c2'))).toEqual(['c2 0']);
    expect(a.payloads('t')).toHaveLength(22);
  });

  it('and comes back with an older folder, from a backup, begins a new life: what it publishes is not taken for what it lost', async () => {
    const b = await bench.broker('b');
    b.subscribe('t');
    const fb = await federate(bench, b, { peers: [{ id: 'a' }] });
    const peers = [{ id: 'b', address: at(portOf(fb)) }];
    const [folder, backup] = [await bench.folder(), await bench.folder()];
    const publish = async (life: string): Promise<void> => {
      const inner = new Bench();
      const a = await inner.broker('a', folder, 'one life');
      const fa = await federate(inner, a, { peers });
      await linked(fa, fb);
      await interestKnown(fb);
      for (let i = 0; i < 10; i++) await a.publish('t', `${life} ${i}`);
      await drained(fa);
      await inner.close();
    };
    await publish('first');
    await cp(folder, backup, { recursive: true });
    await publish('lost');
    const { log, lines } = keptLog();
    const restored = await bench.broker('a', backup, 'one life');
    const proxy = await FaultProxy.open(portOf(fb));
    bench.onClose(() => proxy.close());
    proxy.cut();
    const fa = await federate(bench, restored, { peers: [{ id: 'b', address: at(proxy.port) }], log });
    // Its journal is longer than what b has had when it meets b again.
    for (let i = 0; i < 15; i++) await restored.publish('t', `restored ${i}`);
    proxy.mend();
    await eventually(() => expect(lines.map(({ code }) => code)).toContain('JOURNAL_OLDER'));
    await restored.publish('t', 'after');
    await eventually(() => expect(b.payloads('t').at(-1)).toBe('after'));
    const texts = (life: string, count: number) => Array.from({ length: count }, (_, i) => `${life} ${i}`);
    expect(b.payloads('t')).toEqual([...texts('first', 10), ...texts('lost', 10), ...texts('restored', 15), 'after']);
    expect(restored.incarnation).not.toBe('one life');
    expect(lines.filter(({ code }) => code === 'JOURNAL_OLDER')).toHaveLength(1);
    await linked(fa, fb);
  });

  it('and was away beyond the bound of the journal misses what was dropped, counted', async () => {
    const a = await bench.broker('a', undefined, 'one', 64 * 1_024);
    const b = await bench.broker('b');
    b.subscribe('t');
    const fb = await federate(bench, b, { peers: [{ id: 'a' }] });
    const proxy = await FaultProxy.open(portOf(fb));
    bench.onClose(() => proxy.close());
    const fa = await federate(bench, a, { peers: [{ id: 'b', address: at(proxy.port) }] });
    await linked(fa, fb);
    await a.publish('t', 'first');
    await drained(fa);
    proxy.cut();
    await eventually(() => expect(fa.reachable()).toEqual([]));
    for (let i = 0; i < 200; i++) await a.publish('t', `${i}:${'x'.repeat(1_000)}`);
    proxy.mend();
    await linked(fa, fb);
    await drained(fa, fb);
    const got = b.payloads('t').length - 1;
    expect(got).toBeGreaterThan(20);
    expect(linkOf(fa, 'b').droppedBy).toMatchObject({ 'journal-bound': 200 - got });
    expect(b.payloads('t').at(-1)).toMatch(/^199:/);
  });
});
