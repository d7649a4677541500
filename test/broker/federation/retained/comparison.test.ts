import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  beginComparison,
  decodeEntries,
  onDigest,
  onKeys,
  RetainedDigest,
  type RetainedMessage,
} from '../../../../broker/federation/retained/index.ts';
import { onlyProtocolErrors } from '../wire/arbitraries.ts';

function message(topic: string, stampMs: number, stampBroker = 'a', payload = `${topic}@${stampMs}`): RetainedMessage {
  return { topic, payload: Buffer.from(payload), qos: 1, stampMs, stampBroker };
}

function digestOf(messages: Iterable<RetainedMessage>): RetainedDigest {
  const digest = new RetainedDigest();
  for (const one of messages) digest.add(one);
  return digest;
}

/** What `b` sends to `a`, and all frames that finding it out took. */
function exchange(a: RetainedMessage[], b: RetainedMessage[], ofA = digestOf(a), ofB = digestOf(b)) {
  const frames = [beginComparison(ofA)];
  const level1 = onDigest((frames[0] as Buffer).subarray(5), ofB, () => b);
  const keys = level1.flatMap((frame) => onDigest(frame.subarray(5), ofA, () => a));
  const entries = keys.flatMap((frame) => onKeys(frame.subarray(5), () => b));
  frames.push(...level1, ...keys, ...entries);
  const pushed = entries.flatMap((frame) => decodeEntries(frame.subarray(5)));
  return { pushed, frames, bytes: frames.reduce((sum, frame) => sum + frame.length, 0) };
}

const many = (count: number) => Array.from({ length: count }, (_, i) => message(`mesh/v1/site/dev-${i}/meta`, i));

describe('the comparison of retained sets', () => {
  it('sends exactly what the other lacks or has in an older form', () => {
    const entry = fc.tuple(
      fc.constantFrom('a/é', 'b', 'c', 'd/e', 'f', '$SYS/x', '$SYS'),
      fc.nat({ max: 3 }),
      fc.constantFrom('a', 'b'),
      fc.constantFrom('', 'payload'),
    );
    const set = fc
      .uniqueArray(entry, { selector: ([topic]) => topic })
      .map((all) => all.map(([topic, ms, broker, payload]) => message(topic, ms, broker, payload)));
    fc.assert(
      fc.property(set, set, (a, b) => {
        const expected = b.filter(({ topic, stampMs, stampBroker }) => {
          const theirs = a.find((one) => one.topic === topic);
          const wins =
            theirs === undefined ||
            stampMs > theirs.stampMs ||
            (stampMs === theirs.stampMs && stampBroker > theirs.stampBroker);
          return !topic.startsWith('$SYS') && wins;
        });
        expect(exchange(a, b).pushed).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps its sums while the set changes', () => {
    const changes = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', '$SYS/x'), fc.nat({ max: 5 })));
    fc.assert(
      fc.property(changes, (all) => {
        const kept = new RetainedDigest();
        const set = new Map<string, RetainedMessage>();
        for (const [topic, ms] of all) {
          const before = set.get(topic);
          if (before !== undefined) kept.remove(before);
          kept.add(message(topic, ms));
          set.set(topic, message(topic, ms));
        }
        expect(beginComparison(kept)).toEqual(beginComparison(digestOf([...set.values()].reverse())));
      }),
    );
  });

  it('of 100,000 topics costs half a KiB when they are equal, and bytes in proportion to what differs', () => {
    const b = many(100_000);
    const ofB = digestOf(b);
    expect(exchange(b, b, ofB, ofB).bytes).toBe(518);
    for (const count of [1, 10, 100]) {
      const a = b.map((one, i) => (i % 1_000 === 7 && i < 1_000 * count ? message(one.topic, -1) : one));
      const { pushed, bytes } = exchange(a, b, digestOf(a), ofB);
      console.log(`${count} of 100,000 differ: ${bytes} B`);
      expect(pushed).toHaveLength(count);
      expect(bytes).toBeLessThan(600 + 2_600 * count);
    }
  });

  it('keeps every frame below 256 KiB, however much differs, and large payloads cross', () => {
    const large = Buffer.alloc(200_000, 'x').toString();
    const b = [...many(20_000), message('large/1', 1, 'b', large), message('large/2', 1, 'b', large)];
    const a = many(60_000).map((one, i) => ({ ...one, topic: i < 100 ? one.topic : `${'long'.repeat(20)}/${i}` }));
    for (const [one, other] of [
      [a, b],
      [b, a],
      [[], b],
    ] as [RetainedMessage[], RetainedMessage[]][]) {
      const { frames, pushed } = exchange(one, other);
      const known = new Set(one.map(({ topic }) => topic));
      expect(pushed).toHaveLength(other.filter(({ topic }) => !known.has(topic)).length);
      expect(Math.max(...frames.map(({ length }) => length))).toBeLessThan(256 * 1024);
    }
  });

  it('refuses damaged frames with LINK_PROTOCOL and nothing else', () => {
    const set = many(300);
    const ours = digestOf(many(200));
    const level1 = onDigest(beginComparison(digestOf(set)).subarray(5), ours, () => []);
    const keys = level1.flatMap((frame) => onDigest(frame.subarray(5), digestOf(set), () => set));
    const entries = keys.flatMap((frame) => onKeys(frame.subarray(5), () => many(400)));
    const bodies = [...level1, ...keys, ...entries].map((frame) => frame.subarray(5));
    const mutated = fc.tuple(fc.constantFrom(...bodies), fc.nat(), fc.nat({ max: 255 })).map(([body, at, byte]) => {
      const copy = Buffer.from(body);
      copy[at % copy.length] = byte;
      return copy;
    });
    const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(mutated, random), (body) => {
        onlyProtocolErrors(() => onDigest(body, ours, () => set));
        onlyProtocolErrors(() => onKeys(body, () => set));
        onlyProtocolErrors(() => decodeEntries(body));
      }),
      { numRuns: 500 },
    );
  });
});
