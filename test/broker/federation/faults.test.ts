import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { eventually } from '../../support/eventually.ts';
import type { FakeBroker } from './fake-broker.ts';
import { drained, interestKnown, linked, linkOf, newBench, pair } from './mesh.ts';

const bench = newBench();

describe('a link that breaks', () => {
  it('replays the backlog of a cut, once and in order, to subscribers of the meantime as well', async () => {
    const { a, b, proxy, fa, fb } = await pair(bench);
    b.subscribe('t/#');
    await interestKnown(fb);
    proxy.cut();
    await eventually(() => expect(linkOf(fa, 'b').state).toBe('down'));
    b.subscribe('later');
    const texts = Array.from({ length: 400 }, (_, i) => `${i}`);
    await Promise.all(texts.map((text) => a.publish('t/x', text)));
    await a.publish('later', 'kept');
    await a.publish('unwanted', '');
    // What came from elsewhere is in the journal too, and is nothing of a's to send.
    await a.mergeRetained([{ topic: 'r', payload: Buffer.from('v'), qos: 1, stampMs: 1, stampBroker: 'c' }]);
    expect(linkOf(fa, 'b')).toMatchObject({ backlogMessages: 403 });
    expect(fa.streams()).toMatchObject([{ to: 'b', isReachable: false, path: [], backlogMessages: 403 }]);
    proxy.mend();
    await linked(fa, fb);
    await drained(fa, fb);
    expect(b.payloads('t/x')).toEqual(texts);
    expect(b.payloads('later')).toEqual(['kept']);
    expect(b.accepted).toBe(401);
    expect(b.duplicates).toBe(0);
  });

  it.each(Array.from({ length: 5 }, (_, seed) => [seed]))(
    'loses, doubles and reorders nothing when it is cut mid-frame at random places (seed %i)',
    async (seed) => {
      const random = seededRandom(`cuts/${seed}`);
      const { a, b, proxy, fa, fb } = await pair(bench, {
        compresses: seed % 2 === 0,
        limits: { windowBytesMax: 8_192, batchBytes: 2_048 },
      });
      b.subscribe('t/#');
      a.subscribe('u/#');
      await interestKnown(fa, fb);
      const before = proxy.connections;
      proxy.nextCut = () => random.below(7_000);
      proxy.cutAfterBytes = proxy.nextCut();
      const send = async (broker: FakeBroker, prefix: string): Promise<string[]> => {
        const texts: string[] = [];
        while (texts.length < 600 || proxy.connections - before < 8) {
          const group = Array.from({ length: 20 }, (_, i) => `${texts.length + i}`);
          texts.push(...group);
          await Promise.all(group.map((text) => broker.publish(`${prefix}/${random.below(2)}`, text)));
        }
        return texts;
      };
      const [toB, toA] = await Promise.all([send(a, 't'), send(b, 'u')]);
      proxy.mend();
      await linked(fa, fb);
      await drained(fa, fb);
      expect(b.payloads()).toEqual(toB);
      expect(a.payloads()).toEqual(toA);
      expect(a.duplicates + b.duplicates).toBe(0);
    },
    20_000,
  );

  it.each(['toTarget', 'fromTarget'] as const)(
    'half-open, silent %s, is found by both ends within three keep-alive periods',
    async (direction) => {
      const keepAliveMs = 500;
      const { a, b, proxy, fa, fb } = await pair(bench, { limits: { keepAliveMs } });
      b.subscribe('t');
      await interestKnown(fb);
      const silentAt = performance.now();
      proxy.silence(direction);
      await eventually(() => {
        for (const federation of [fa, fb]) expect(federation.reachable()).toEqual([]);
      });
      const foundMs = performance.now() - silentAt;
      console.log(`silent ${direction}: found after ${Math.round(foundMs)} ms of ${3 * keepAliveMs} allowed`);
      expect(foundMs).toBeLessThan(3 * keepAliveMs);
      await a.publish('t', 'meanwhile');
      proxy.reset();
      proxy.mend();
      await linked(fa, fb);
      await drained(fa, fb);
      expect(b.payloads('t')).toEqual(['meanwhile']);
    },
  );

  it('holds the window while the peer is silent, and drops volatile messages at their bound, counted', async () => {
    const limits = { keepAliveMs: 5_000, windowBytesMax: 4_096, batchBytes: 1_024, creditBytes: 8_192 };
    const { a, b, proxy, fa, fb } = await pair(bench, { limits: { ...limits, volatileBytesMax: 4_096 } });
    b.subscribe('#');
    await interestKnown(fb);
    const bytes = proxy.bytes;
    proxy.stall();
    await Promise.all(Array.from({ length: 100 }, () => a.publish('t', 'x'.repeat(500))));
    for (let i = 0; i < 100; i++) await a.publish('v', 'y'.repeat(500), { qos: 0 });
    await eventually(() => expect(linkOf(fa, 'b').droppedBy['volatile']).toBeGreaterThan(70));
    expect(a.gaps.get('b volatile')).toBe(linkOf(fa, 'b').droppedBy['volatile']);
    const { sent, queuedBytes } = linkOf(fa, 'b');
    expect(sent).toBeLessThan(30);
    expect(queuedBytes).toBeLessThan(4_096);
    proxy.reset();
    proxy.mend();
    await eventually(() => expect(b.payloads('t')).toHaveLength(100));
    await drained(fa, fb);
    expect(proxy.bytes - bytes).toBeGreaterThan(50_000);
    expect(b.duplicates).toBe(0);
  });

  it('tries again, and loses nothing, when the receiver cannot store', async () => {
    const { a, b, fa, fb } = await pair(bench, { limits: { batchBytes: 500 } });
    b.subscribe('t');
    await interestKnown(fb);
    b.rejections = 2;
    const texts = Array.from({ length: 50 }, (_, i) => `${i}`);
    await Promise.all(texts.map((text) => a.publish('t', text)));
    await drained(fa, fb);
    expect(b.payloads()).toEqual(texts);
    expect(b.duplicates).toBe(0);
    expect(b.rejections).toBe(0);
    expect(linkOf(fa, 'b').resends).toBeGreaterThan(0);
  });

  it('with a full disk at the other end stays up, and what waits goes on when there is room', async () => {
    const { a, b, fa, fb } = await pair(bench);
    b.subscribe('t', 'v');
    await interestKnown(fb);
    b.rejections = Number.POSITIVE_INFINITY;
    await a.publish('t', 'stored late');
    await eventually(() => expect(linkOf(fa, 'b').resends).toBeGreaterThan(2));
    await a.publish('v', 'volatile', { qos: 0 });
    await eventually(() => expect(b.payloads()).toEqual(['volatile']));
    b.rejections = 0;
    await drained(fa);
    expect(b.payloads()).toEqual(['volatile', 'stored late']);
    expect(linkOf(fa, 'b').state).toBe('up');
  });

  it('on which the other end stores slowly has no more under way than the window', async () => {
    const limits = { windowBytesMax: 10_000, batchBytes: 1_000 };
    const { a, b, fa, fb } = await pair(bench, { limits });
    b.subscribe('t');
    await interestKnown(fb);
    const release = b.holdAccepts();
    const texts = Array.from({ length: 100 }, (_, i) => `${i} ${'x'.repeat(500)}`);
    await Promise.all(texts.map((text) => a.publish('t', text)));
    await eventually(() => expect(b.accepted).toBeGreaterThan(10));
    // Longer than an answer is waited for: asking must not make it send more.
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(b.accepted).toBeLessThan(25);
    expect(b.deliveries).toEqual([]);
    release();
    await drained(fa);
    expect(b.payloads()).toEqual(texts);
    expect(b.duplicates).toBe(0);
  });
});
