import { describe, expect, it } from 'vitest';
import {
  parseShardTopic,
  SHARD_COUNT,
  shardOf,
  shardOfTopic,
  shardPreference,
  shardsOwnedBy,
  shardTopic,
} from '../../../core/wire/index.ts';

const MEMBERS = ['gateway-1', 'gateway-2', 'gateway-3'];

describe('shards', () => {
  it('finds the same shard from a topic and from a device', () => {
    expect(shardOfTopic('mesh/v1/home/mote-1/state')).toBe(shardOf('home', 'mote-1'));
    expect(shardOfTopic('mesh/v1/home/mote-1')).toBe(shardOf('home', 'mote-1'));
    expect(shardOfTopic('other/v1/home/mote-1/state')).toBeUndefined();
    expect(shardOfTopic('mesh/v1/home')).toBeUndefined();
  });

  it('builds what it parses, and refuses a shard that is none', () => {
    expect(parseShardTopic(shardTopic(63, 'mesh/v1/#'))).toEqual({ shard: 63, topic: 'mesh/v1/#' });
    expect(parseShardTopic('$shard/64/a')).toBeUndefined();
    expect(parseShardTopic('$shard/x/a')).toBeUndefined();
  });

  it('spreads numbered devices over all shards evenly', () => {
    const counts = new Array<number>(SHARD_COUNT).fill(0);
    for (let n = 0; n < 6400; n++) counts[shardOf('home', `sim-${String(n).padStart(4, '0')}`)]!++;
    expect(Math.min(...counts)).toBeGreaterThan(60);
    expect(Math.max(...counts)).toBeLessThan(145);
  });

  it('gives each shard to one member, in about equal parts, whatever the order of the list', () => {
    const owned = MEMBERS.map((member) => shardsOwnedBy(member, MEMBERS));
    expect(owned.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: SHARD_COUNT }, (_, shard) => shard));
    for (const shards of owned) expect(shards.length).toBeGreaterThan(SHARD_COUNT / 6);
    expect(shardsOwnedBy('gateway-2', [...MEMBERS].reverse())).toEqual(owned[1]);
  });

  it('moves only the shards of a member that goes, each to its stand-by', () => {
    const left = MEMBERS.filter((member) => member !== 'gateway-2');
    for (let shard = 0; shard < SHARD_COUNT; shard++) {
      const [owner, standBy] = shardPreference(shard, MEMBERS);
      expect(shardPreference(shard, left)[0]).toBe(owner === 'gateway-2' ? standBy : owner);
    }
  });
});
