import { afterEach, describe, expect, it } from 'vitest';
import type { LinkFederation } from '../../../broker/federation/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { eventually } from '../../support/eventually.ts';
import { Bench, type FakeBroker } from './fake-broker.ts';
import { FaultProxy } from './fault-proxy.ts';
import { drained, federate, keptLog, linked, portOf, QUICK } from './mesh.ts';

let bench = new Bench();
afterEach(async () => {
  await bench.close();
  bench = new Bench();
});

interface Pair {
  a: FakeBroker;
  b: FakeBroker;
  /** a dials b through it. */
  proxy: FaultProxy;
  fa: LinkFederation;
  fb: LinkFederation;
}

async function pair(limits = {}): Promise<Pair> {
  const a = await bench.broker('a');
  const b = await bench.broker('b');
  const fb = await federate(bench, b, { peers: [{ id: 'a', port: 1 }], limits });
  const proxy = await FaultProxy.open(portOf(fb));
  bench.onClose(() => proxy.close());
  const fa = await federate(bench, a, { peers: [{ id: 'b', port: proxy.port }], limits });
  await linked(fa, fb);
  return { a, b, proxy, fa, fb };
}

function stateOf(federation: LinkFederation) {
  return federation.states()[0];
}

describe('a link that breaks', () => {
  it('replays the backlog of a cut, once and in order, to subscribers of the meantime as well', async () => {
    const { a, b, proxy, fa, fb } = await pair();
    b.subscribe('t/#');
    await eventually(async () => {
      await a.publish('t/probe', '');
      expect(b.deliveries.length).toBeGreaterThan(0);
    });
    await drained(fa, fb);
    b.deliveries.length = 0;
    proxy.cut();
    await eventually(() => expect(stateOf(fa)?.state).toBe('down'));
    b.subscribe('later');
    const texts = Array.from({ length: 400 }, (_, i) => `${i}`);
    await Promise.all(texts.map((text) => a.publish('t/x', text)));
    await a.publish('later', 'kept');
    await a.publish('unwanted', '');
    // What came from elsewhere is in the journal too, and does not wait for b.
    await a.mergeRetained({ topic: 'r', payload: Buffer.from('v'), qos: 1, stampMs: 1, stampBroker: 'c' });
    await eventually(() => expect(stateOf(fa)).toMatchObject({ backlogMessages: 402 }));
    proxy.mend();
    await linked(fa, fb);
    await drained(fa, fb);
    expect(b.payloads('t/x')).toEqual(texts);
    expect(b.payloads('later')).toEqual(['kept']);
    expect(b.duplicates).toBe(0);
  });

  it.each(Array.from({ length: 5 }, (_, seed) => [seed]))(
    'loses, doubles and reorders nothing when it is cut mid-batch at random places (seed %i)',
    async (seed) => {
      const random = seededRandom(`cuts/${seed}`);
      const { a, b, proxy, fa, fb } = await pair({ windowBytesMax: 8_192, batchBytes: 2_048 });
      b.subscribe('t/#');
      a.subscribe('u/#');
      await eventually(async () => {
        await a.publish('t/probe', '');
        await b.publish('u/probe', '');
        expect(b.deliveries.length * a.deliveries.length).toBeGreaterThan(0);
      });
      const texts = Array.from({ length: 600 }, (_, i) => `${i}`);
      const before = proxy.connections;
      proxy.nextCut = () => random.below(7_000);
      proxy.cutAfterBytes = proxy.nextCut();
      const send = async (broker: FakeBroker, prefix: string): Promise<void> => {
        for (let i = 0; i < texts.length; i += 20) {
          const group = texts.slice(i, i + 20);
          await Promise.all(group.map((text) => broker.publish(`${prefix}/${random.below(2)}`, text)));
        }
      };
      await Promise.all([send(a, 't'), send(b, 'u')]);
      await eventually(() => expect(proxy.connections - before).toBeGreaterThan(6));
      proxy.mend();
      await linked(fa, fb);
      await drained(fa, fb);
      for (const [receiver, prefix] of [
        [b, 't'],
        [a, 'u'],
      ] as const) {
        // A backlog of nought may be told a moment before the last batch is taken; what never comes fails here.
        const got = await eventually(() => {
          const all = [0, 1].map((rest) => receiver.payloads(`${prefix}/${rest}`).map(Number));
          expect(all.flat().length).toBeGreaterThanOrEqual(texts.length);
          return all;
        });
        for (const one of got) expect(one).toEqual(one.toSorted((x, y) => x - y));
        expect(got.flat().toSorted((x, y) => x - y)).toEqual(texts.map(Number));
        expect(receiver.duplicates).toBe(0);
      }
    },
  );

  it('finds a half-open link within three keep-alive periods, on both sides', async () => {
    const { a, b, proxy, fa, fb } = await pair();
    b.subscribe('t');
    const keepAliveMs = QUICK.keepAliveMs as number;
    const stalledAt = performance.now();
    proxy.stall();
    await eventually(() => {
      for (const federation of [fa, fb]) expect(stateOf(federation)?.state).not.toBe('up');
    });
    expect(performance.now() - stalledAt).toBeLessThan(3 * keepAliveMs + 100);
    await a.publish('t', 'meanwhile');
    proxy.reset();
    proxy.mend();
    await linked(fa, fb);
    await drained(fa, fb);
    expect(b.payloads('t')).toEqual(['meanwhile']);
  });

  it('holds the window while the peer is silent, and drops volatile messages at their bound, counted', async () => {
    const { a, b, proxy, fa, fb } = await pair({ windowBytesMax: 4_096, batchBytes: 1_024, volatileBytesMax: 4_096 });
    b.subscribe('#');
    await eventually(async () => {
      await a.publish('probe', '');
      expect(b.deliveries.length).toBeGreaterThan(0);
    });
    await drained(fa, fb);
    const bytes = proxy.bytes;
    proxy.stall();
    await Promise.all(Array.from({ length: 100 }, () => a.publish('t', 'x'.repeat(500))));
    for (let i = 0; i < 100; i++) await a.publish('v', 'y'.repeat(500), { qos: 0 });
    await eventually(() => expect(stateOf(fa)?.dropped).toBeGreaterThan(85));
    expect(stateOf(fa)?.sent).toBeLessThan(30);
    proxy.reset();
    proxy.mend();
    await eventually(() => expect(b.payloads('t')).toHaveLength(100));
    await drained(fa, fb);
    expect(proxy.bytes - bytes).toBeGreaterThan(50_000);
    expect(b.duplicates).toBe(0);
  });

  it('tries again, and loses nothing, when the receiver cannot store', async () => {
    const { a, b, fa, fb } = await pair();
    b.subscribe('t');
    await eventually(async () => {
      await a.publish('t', 'first');
      expect(b.payloads().length).toBeGreaterThan(0);
    });
    await drained(fa, fb);
    b.deliveries.length = 0;
    b.rejections = 1;
    const texts = Array.from({ length: 50 }, (_, i) => `${i}`);
    await Promise.all(texts.map((text) => a.publish('t', text)));
    await eventually(() => expect(b.payloads()).toEqual(texts));
    expect(b.duplicates).toBe(0);
    await linked(fa, fb);
    expect(b.rejections).toBe(0);
  });
});

describe('a broker that dies', () => {
  it('goes on where the link stood: sender and receiver restarted, 0 lost, 0 doubled', async () => {
    const folders = [await bench.folder(), await bench.folder()] as const;
    const collected: string[] = [];
    const texts = Array.from({ length: 300 }, (_, i) => `${i}`);
    let next = 0;
    let listenPort = 0;
    for (let life = 0; life < 3; life++) {
      const inner = new Bench();
      const a = await inner.broker('a', folders[0], 'life-of-a');
      const b = await inner.broker('b', folders[1], 'life-of-b');
      b.subscribe('t');
      const fb = await federate(inner, b, { peers: [{ id: 'a', port: 1 }], listenPort });
      listenPort = portOf(fb);
      const fa = await federate(inner, a, { peers: [{ id: 'b', port: listenPort }] });
      const upTo = next + 100;
      await Promise.all(texts.slice(next, upTo).map((text) => a.publish('t', text)));
      next = upTo;
      await eventually(() => expect(b.deliveries.length).toBeGreaterThan(life === 2 ? 0 : 5));
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

  it('comes back with an empty folder as a new life, and the other goes on from its cursor', async () => {
    const a = await bench.broker('a');
    const first = new Bench();
    const b1 = await first.broker('b');
    b1.subscribe('t');
    const fb1 = await federate(first, b1, { peers: [{ id: 'a', port: 1 }] });
    const listenPort = portOf(fb1);
    const fa = await federate(bench, a, { peers: [{ id: 'b', port: listenPort }] });
    await linked(fa, fb1);
    await a.publish('t', 'before');
    await a.publish('kept', 'retained', { retain: true });
    await drained(fa);
    await first.close();
    await a.publish('t', 'meanwhile');
    const b2 = await bench.broker('b');
    b2.subscribe('t');
    const fb2 = await federate(bench, b2, { peers: [{ id: 'a', port: 1 }], listenPort });
    await linked(fa, fb2);
    await drained(fa, fb2);
    expect(b2.payloads('t')).toEqual(['meanwhile']);
    await eventually(() => expect(b2.retainedText()).toEqual(a.retainedText()));
    // What b publishes in its new life is news to a, though its journal begins at 0 again.
    a.subscribe('u');
    await eventually(async () => {
      await b2.publish('u', 'news');
      expect(a.payloads('u').length).toBeGreaterThan(0);
    });
  });

  it('counts what the journal dropped at its bound while the peer was away', async () => {
    const a = await bench.broker('a', undefined, 'one', 64 * 1_024);
    const b = await bench.broker('b');
    b.subscribe('t');
    const fb = await federate(bench, b, { peers: [{ id: 'a', port: 1 }] });
    const proxy = await FaultProxy.open(portOf(fb));
    bench.onClose(() => proxy.close());
    const fa = await federate(bench, a, { peers: [{ id: 'b', port: proxy.port }] });
    await linked(fa, fb);
    await a.publish('t', 'first');
    await drained(fa);
    proxy.cut();
    await eventually(() => expect(stateOf(fa)?.state).toBe('down'));
    for (let i = 0; i < 200; i++) await a.publish('t', `${i}:${'x'.repeat(1_000)}`);
    const droppedWhileAway = stateOf(fa)?.dropped;
    proxy.mend();
    await linked(fa, fb);
    await drained(fa, fb);
    const got = b.payloads('t').length - 1;
    expect(got).toBeGreaterThan(20);
    expect(droppedWhileAway).toBe(200 - got);
    expect(stateOf(fa)?.dropped).toBe(200 - got);
    expect(b.payloads('t').at(-1)).toMatch(/^199:/);
  });
});

describe('retained messages', () => {
  it('converge after a cut, with sets and deletes on both sides, at a cost in proportion to the difference', async () => {
    const { a, b, proxy, fa, fb } = await pair();
    for (let i = 0; i < 300; i++) await a.publish(`r/${i}`, `value ${i}`, { retain: true });
    await drained(fa, fb);
    await eventually(() => expect(b.retainedText()).toEqual(a.retainedText()));
    b.subscribe('r/#');
    proxy.cut();
    await eventually(() => expect(stateOf(fa)?.state).not.toBe('up'));
    await a.publish('r/1', 'from a', { retain: true });
    await b.publish('r/1', 'from b, later', { retain: true });
    await a.publish('r/2', '', { retain: true });
    await b.publish('r/3', '', { retain: true });
    await b.publish('r/new', 'new', { retain: true });
    b.deliveries.length = 0;
    const bytes = proxy.bytes;
    proxy.mend();
    await linked(fa, fb);
    await drained(fa, fb);
    await eventually(() => expect(b.retainedText()).toEqual(a.retainedText()));
    const text = a.retainedText().map((entry) => entry.replace(/@.*/, ''));
    expect(text).toEqual(expect.arrayContaining(['r/1=from b, later', 'r/2=', 'r/3=', 'r/new=new', 'r/4=value 4']));
    // The deletion crossed to b's subscribers; a's older value of r/1 lost and did not.
    expect(b.deliveries).toEqual([expect.objectContaining({ topic: 'r/2', payload: '' })]);
    expect(proxy.bytes - bytes).toBeLessThan(8_000);
  });

  it('reach a broker that has none of them, whoever has them', async () => {
    const a = await bench.broker('a');
    for (let i = 0; i < 500; i++) await a.publish(`r/${i}`, 'x'.repeat(1_000), { retain: true });
    // Its journal no longer tells of them: the peer's cursor stands at the end.
    (await a.journal.cursor('link-b')).advance(a.journal.nextPosition);
    const b = await bench.broker('b');
    const fb = await federate(bench, b, { peers: [{ id: 'a', port: 1 }] });
    const fa = await federate(bench, a, { peers: [{ id: 'b', port: portOf(fb) }] });
    await linked(fa, fb);
    await eventually(() => expect(b.retainedText()).toEqual(a.retainedText()));
    await drained(fa, fb);
    expect(b.merges).toBe(500);
    expect(a.merges).toBe(0);
  });

  it('are compared again at intervals, so that a difference heals without a new connection', async () => {
    const { a, b } = await pair({ retainedCompareMs: 100 });
    const entry = { topic: 'r/third', payload: Buffer.from('v'), qos: 1 as const, stampMs: 5, stampBroker: 'c' };
    await a.mergeRetained(entry);
    await eventually(() => expect(b.retainedText()).toEqual(['r/third=v@5/c']));
  });
});

describe('a link that is refused', () => {
  /** Long enough for a dozen attempts. */
  async function attempts(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 400));
  }

  it('because of a wrong secret: both ends say so, once, however often it is tried', async () => {
    const log = keptLog();
    const b = await bench.broker('b');
    const fb = await federate(bench, b, { peers: [{ id: 'a', port: 1 }], log: log.log });
    const a = await bench.broker('a');
    const logA = keptLog();
    const fa = await federate(bench, a, {
      peers: [{ id: 'b', port: portOf(fb) }],
      siteKey: 'another key here',
      log: logA.log,
    });
    await attempts();
    expect([stateOf(fa)?.state, stateOf(fb)?.state]).toEqual(['refused', 'refused']);
    for (const { lines } of [log, logA]) {
      const warnings = lines.filter(({ level }) => level >= 40);
      expect(warnings).toEqual([expect.objectContaining({ code: 'LINK_REFUSED' })]);
      expect(warnings[0]?.reason).toContain('secret');
      expect(JSON.stringify(lines)).not.toContain('another key');
    }
  });

  it('because the peer is not in the configuration', async () => {
    const log = keptLog();
    const b = await bench.broker('b');
    const fb = await federate(bench, b, { peers: [{ id: 'a2', port: 1 }], log: log.log });
    const a = await bench.broker('a');
    const fa = await federate(bench, a, { peers: [{ id: 'b', port: portOf(fb) }] });
    await eventually(() => expect(stateOf(fa)?.state).toBe('refused'));
    await attempts();
    const warnings = log.lines.filter(({ level }) => level >= 40);
    expect(warnings).toEqual([
      expect.objectContaining({ code: 'LINK_REFUSED', node: 'a', reason: 'a is not a peer of b.' }),
    ]);
    expect(stateOf(fb)).toMatchObject({ peer: 'a2', state: 'connecting' });
  });

  it('because another broker answers at the address', async () => {
    const c = await bench.broker('c');
    const fc = await federate(bench, c, { peers: [{ id: 'a', port: 1 }] });
    const a = await bench.broker('a');
    const log = keptLog();
    const fa = await federate(bench, a, { peers: [{ id: 'b', port: portOf(fc) }], log: log.log });
    await eventually(() => expect(stateOf(fa)?.state).toBe('refused'));
    expect(log.lines.at(-1)?.reason).toContain('is c, not b');
  });

  it('because two brokers have one id; the link that is up is not disturbed', async () => {
    const { a, b, fa, fb } = await pair();
    const twin = await bench.broker('a');
    const ftwin = await federate(bench, twin, { peers: [{ id: 'b', port: portOf(fb) }] });
    await eventually(() => expect(stateOf(ftwin)?.state).toBe('refused'));
    b.subscribe('t');
    await eventually(async () => {
      await a.publish('t', 'x');
      expect(b.payloads().length).toBeGreaterThan(0);
    });
    expect(stateOf(fa)?.state).toBe('up');
    expect(stateOf(fb)?.state).toBe('up');
  });

  it('lets the same life of a peer in again at once when its old connection broke unseen', async () => {
    const { a, b, proxy, fa, fb } = await pair({ keepAliveMs: 60_000 });
    proxy.stall();
    await fa.stop();
    proxy.mend();
    const again = await federate(bench, a, { peers: [{ id: 'b', port: portOf(fb) }], limits: { keepAliveMs: 60_000 } });
    await linked(again, fb);
    b.subscribe('t');
    await eventually(async () => {
      await a.publish('t', 'x');
      expect(b.payloads().length).toBeGreaterThan(0);
    });
  });

  it('cannot even be configured with its own id, or with one id twice', async () => {
    const a = await bench.broker('a');
    await expect(federate(bench, a, { peers: [{ id: 'a', port: 1 }] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    const twice = [
      { id: 'b', port: 1 },
      { id: 'b', port: 2 },
    ];
    await expect(federate(bench, a, { peers: twice })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
