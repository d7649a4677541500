import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InterestFeed, PeerInterest } from '../../../broker/federation/interest.ts';
import { filterMatches, shardOfTopic, shardTopic } from '../../../core/wire/index.ts';

const level = fc.constantFrom('a', 'b', '', '$x', 'mesh', 'v1');
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => (all || levels.length === 0 ? [...levels, '#'] : levels).join('/'));

function told(...filters: string[]): PeerInterest {
  const interest = new PeerInterest();
  for (const frame of new InterestFeed().update(filters)) interest.apply(frame);
  return interest;
}

describe('the interest of a peer', () => {
  it('matches as core/wire does, after any sequence of changes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(filter, { maxLength: 5 }), { minLength: 1, maxLength: 6 }),
        topic,
        (sets, one) => {
          const feed = new InterestFeed();
          const interest = new PeerInterest();
          for (const filters of sets) {
            for (const frame of feed.update(filters)) interest.apply(frame);
            expect([...interest.filters].sort()).toEqual(filters.toSorted());
            expect(interest.wants(one), `${filters} on ${one}`).toBe(filters.some((each) => filterMatches(each, one)));
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('knows the shard spaces', () => {
    const reading = 'mesh/v1/site/dev-1/state';
    const shard = shardOfTopic(reading) as number;
    expect(told(shardTopic(shard, 'mesh/v1/#')).wants(reading)).toBe(true);
    expect(told('$shard/+/mesh/v1/+/+/state').wants(reading)).toBe(true);
    expect(told(shardTopic((shard + 1) % 64, 'mesh/v1/#')).wants(reading)).toBe(false);
    expect(told(shardTopic(shard, 'mesh/v1/#')).wants('elsewhere')).toBe(false);
  });

  it('is told only what changed, and never of $SYS', () => {
    const feed = new InterestFeed();
    expect(feed.update([])).toEqual([{ type: 'interest', version: 1, base: 0, add: [], remove: [], more: false }]);
    expect(feed.update(['$SYS/#'])).toEqual([]);
    expect(feed.update(['a', 'b'])).toMatchObject([{ version: 2, base: 1, add: ['a', 'b'], remove: [] }]);
    expect(feed.update(['b', 'c'])).toMatchObject([{ version: 3, base: 2, add: ['c'], remove: ['a'] }]);
    expect(feed.update(['b', 'c'])).toEqual([]);
  });

  it('takes a large change in several frames, which take effect together', () => {
    const filters = Array.from({ length: 10_000 }, (_, i) => `${'x'.repeat(60)}/${i}`);
    const frames = new InterestFeed().update(filters);
    expect(frames.length).toBeGreaterThan(2);
    const interest = new PeerInterest();
    for (const frame of frames.slice(0, -1)) interest.apply(frame);
    expect(interest.version).toBe(0);
    interest.apply(frames.at(-1) as (typeof frames)[0]);
    expect(interest.filters.size).toBe(10_000);
  });

  it('refuses a change of a version that it does not have', () => {
    const interest = told('a');
    const late = { type: 'interest' as const, version: 6, base: 5, add: ['b'], remove: [], more: false };
    expect(() => interest.apply(late)).toThrow(expect.objectContaining({ code: 'LINK_PROTOCOL' }));
  });
});
