import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { LAN, Network } from './network.ts';

interface Arrival {
  atMs: number;
  to: number;
  message: number;
}

function network(seed: string) {
  const arrivals: Arrival[] = [];
  let nowMs = 0;
  const net = new Network<number>(seededRandom(seed), LAN, {
    nowMs: () => nowMs,
    arrive: (atMs, _, to, message) => arrivals.push({ atMs, to, message }),
  });
  const sendMany = (count: number, gapMs = 0.1): void => {
    for (let message = 0; message < count; message++) {
      nowMs += gapMs;
      net.send(1, 2, message);
    }
  };
  const inOrder = (): number[] =>
    arrivals.toSorted((one, other) => one.atMs - other.atMs).map(({ message }) => message);
  return { net, arrivals, sendMany, inOrder, setNow: (ms: number) => (nowMs = ms) };
}

describe('Network', () => {
  it('delivers everything once, in order, with the delay of the link', () => {
    const { arrivals, sendMany, inOrder } = network('plain');
    sendMany(5_000, 5);
    expect(inOrder()).toEqual(Array.from({ length: 5_000 }, (_, index) => index));
    const delays = arrivals.map(({ atMs, message }) => atMs - (message + 1) * 5);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(LAN.minMs - 1e-6);
    expect(delays.reduce((sum, each) => sum + each) / delays.length).toBeLessThan(2 * LAN.meanMs);
  });

  it('loses and doubles the share that is asked for, until the spell ends', () => {
    const { net, arrivals, sendMany } = network('rates');
    const heal = [net.loss.begin(0.1), net.loss.begin(0.3), net.duplication.begin(0.5)];
    sendMany(10_000);
    expect(net.counts.dropped / 10_000).toBeCloseTo(0.3, 1);
    expect(net.counts.duplicated / 7_000).toBeCloseTo(0.5, 1);
    expect(arrivals).toHaveLength(10_000 - net.counts.dropped + net.counts.duplicated);
    for (const end of heal) end();
    const before = arrivals.length;
    sendMany(1_000);
    expect(arrivals).toHaveLength(before + 1_000);
  });

  it('lets messages overtake others only while they may', () => {
    const { net, sendMany, inOrder } = network('order');
    const heal = net.reordering.begin(0.5);
    sendMany(5_000);
    heal();
    expect(net.counts.reordered).toBeGreaterThan(500);
    const numbers = inOrder();
    expect(numbers).not.toEqual(numbers.toSorted((one, other) => one - other));
  });

  it('cuts one way, and opens when the last cut is mended', () => {
    const { net, arrivals } = network('cut');
    const first = net.cut(1, 2);
    const second = net.cut(1, 2);
    net.send(1, 2, 7);
    net.send(2, 1, 8);
    expect(arrivals.map(({ message }) => message)).toEqual([8]);
    first();
    expect(net.isOpen(1, 2)).toBe(false);
    second();
    expect(net.isOpen(1, 2)).toBe(true);
    net.send(1, 2, 9);
    expect(arrivals.map(({ message }) => message)).toEqual([8, 9]);
  });

  it('holds what is sent through a clogged link, and lets it go in order', () => {
    const { net, arrivals, inOrder, setNow } = network('clog');
    const unclog = net.clog(1, 2);
    for (let message = 0; message < 20; message++) net.send(1, 2, message);
    expect(arrivals).toEqual([]);
    setNow(500);
    unclog();
    expect(inOrder()).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(Math.min(...arrivals.map(({ atMs }) => atMs))).toBeGreaterThan(500);
  });
});
