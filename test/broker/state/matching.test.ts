import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SubscriptionIndex } from '../../../broker/state/index.ts';
import { TopicTree } from '../../../broker/state/topic-tree.ts';
import { filterMatches, shardOfTopic } from '../../../core/wire/index.ts';

const topicLevel = fc.constantFrom('a', 'b', 'c', '', '$x');
const topic = fc.array(topicLevel, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(topicLevel, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, open]) => [...levels, ...(open || levels.length === 0 ? ['#'] : [])].join('/'));
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);

describe('subscriptions by topic', () => {
  it('finds exactly the subscribers that have a matching filter, each at its highest QoS, through adds and removes', () => {
    const subscription = fc.record({ filter, subscriber: fc.integer({ min: 0, max: 3 }), qos });
    fc.assert(
      fc.property(fc.array(subscription, { maxLength: 12 }), fc.array(fc.nat(11)), topic, (all, gone, published) => {
        const index = new SubscriptionIndex<number>();
        const model = new Map<string, (typeof all)[number]>();
        const key = (each: (typeof all)[number]): string => `${each.subscriber} ${each.filter}`;
        for (const each of all) {
          index.add(each.filter, each.subscriber, each.qos);
          model.set(key(each), each);
          index.match(published);
        }
        for (const at of gone) {
          const each = all[at];
          if (each === undefined) continue;
          index.remove(each.filter, each.subscriber);
          model.delete(key(each));
        }
        const expected = new Map<number, number>();
        for (const each of model.values()) {
          if (!filterMatches(each.filter, published)) continue;
          expected.set(each.subscriber, Math.max(expected.get(each.subscriber) ?? 0, each.qos));
        }
        const found = new Map(index.match(published).map((each) => [each.subscriber, each.qos]));
        expect(found).toEqual(expected);
        expect(index.size).toBe(model.size);
        expect([...index.filters()].sort()).toEqual(
          [...new Set([...model.values()].map((each) => each.filter))].sort(),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it('keeps the spaces of shards apart', () => {
    const index = new SubscriptionIndex<string>();
    const published = 'mesh/v1/home/d1/state';
    const shard = shardOfTopic(published) as number;
    index.add(`$shard/${shard}/mesh/v1/#`, 'owner', 1);
    index.add('$shard/+/mesh/v1/home/#', 'all', 2);
    index.add('mesh/v1/#', 'plain', 0);
    expect(index.match(published)).toEqual([{ subscriber: 'plain', qos: 0 }]);
    expect(index.matchShard(shard, published).map((each) => each.subscriber)).toEqual(['owner', 'all']);
    expect(index.matchShard((shard + 1) % 64, 'mesh/v1/home/other/state')).toEqual([{ subscriber: 'all', qos: 2 }]);
    index.remove('$shard/+/mesh/v1/home/#', 'all');
    index.remove(`$shard/${shard}/mesh/v1/#`, 'owner');
    expect(index.hasShards).toBe(false);
  });
});

describe('topics by filter', () => {
  it('finds exactly the topics that the filter matches', () => {
    fc.assert(
      fc.property(fc.uniqueArray(topic, { maxLength: 12 }), fc.array(fc.nat(11)), filter, (topics, gone, asked) => {
        const tree = new TopicTree<string>();
        for (const each of topics) tree.set(each, each);
        const left = new Set(topics);
        for (const at of gone) {
          const each = topics[at];
          if (each === undefined) continue;
          tree.delete(each);
          left.delete(each);
        }
        expect([...tree.match(asked)].sort()).toEqual([...left].filter((each) => filterMatches(asked, each)).sort());
      }),
      { numRuns: 1_000 },
    );
  });
});
