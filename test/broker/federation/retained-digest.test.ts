import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RetainedEntry } from '../../../broker/federation/index.ts';
import { answerDigest, decodeKeys, encodeDigest, missingAt } from '../../../broker/federation/retained-digest.ts';

function entry(topic: string, stampMs: number, stampBroker = 'a'): RetainedEntry {
  return { topic, payload: Buffer.from(`${topic}@${stampMs}`), qos: 1, stampMs, stampBroker };
}

/** What `from` sends to `to`, and the bytes that finding it out took. */
function exchange(from: RetainedEntry[], to: RetainedEntry[]): { pushed: RetainedEntry[]; bytes: number } {
  const digest = encodeDigest(from);
  const answers = answerDigest(digest.subarray(5), () => to);
  const pushed = answers.flatMap((frame) => missingAt(decodeKeys(frame.subarray(5)), from));
  return { pushed, bytes: [digest, ...answers].reduce((sum, frame) => sum + frame.length, 0) };
}

describe('the comparison of retained sets', () => {
  it('sends exactly what the other lacks or has in an older form', () => {
    const entries = fc
      .uniqueArray(
        fc.tuple(fc.constantFrom('a/é', 'b', 'c', 'd/e', 'f', '$SYS/x'), fc.nat({ max: 3 }), fc.constantFrom('a', 'b')),
        {
          selector: ([topic]) => topic,
        },
      )
      .map((all) => all.map(([topic, ms, broker]) => entry(topic, ms, broker)));
    fc.assert(
      fc.property(entries, entries, (from, to) => {
        const expected = from.filter(({ topic, stampMs, stampBroker }) => {
          const theirs = to.find((one) => one.topic === topic);
          const wins =
            theirs === undefined ||
            stampMs > theirs.stampMs ||
            (stampMs === theirs.stampMs && stampBroker > theirs.stampBroker);
          return !topic.startsWith('$SYS') && wins;
        });
        expect(new Set(exchange(from, to).pushed)).toEqual(new Set(expected));
      }),
      { numRuns: 500 },
    );
  });

  it('costs 2 KiB when the sets are equal, in whatever order, and little when one of many thousand differs', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => entry(`mesh/v1/site/dev-${i}/meta`, i));
    const equal = exchange(many, many.toReversed());
    expect(equal.pushed).toEqual([]);
    expect(equal.bytes).toBeLessThan(2_100);
    const changed = many.map((one, i) => (i === 777 ? entry(one.topic, 99_999) : one));
    const one = exchange(changed, many);
    expect(one.pushed).toEqual([changed[777]]);
    expect(one.bytes).toBeLessThan(8_000);
  });

  it('fits its answer into frames of bounded size when everything differs', () => {
    const theirs = Array.from({ length: 20_000 }, (_, i) => entry(`mesh/v1/site/dev-${i}/meta`, i));
    const answers = answerDigest(encodeDigest([]).subarray(5), () => theirs);
    expect(answers.length).toBeGreaterThan(1);
    for (const answer of answers) expect(answer.length).toBeLessThan(300_000);
  });
});
