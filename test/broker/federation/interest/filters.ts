import fc from 'fast-check';
import {
  filterCovers,
  filterMatches,
  parseShareFilter,
  shardOfTopic,
  shardTopic,
} from '../../../../core/wire/index.ts';

// Few levels, so that filters cover each other and topics match.
const level = fc.constantFrom('a', 'a', 'a', 'b', 'b', '', '$x');

export const topic = fc.oneof(
  fc.array(level, { minLength: 1, maxLength: 3 }).map((levels) => levels.join('/')),
  fc.constantFrom('mesh/v1/site/d1/state', 'mesh/v1/site/d2/state'),
);

const plain = fc.oneof(
  fc
    .tuple(
      fc.array(fc.oneof({ weight: 2, arbitrary: level }, { weight: 1, arbitrary: fc.constant('+') }), { maxLength: 3 }),
      fc.boolean(),
    )
    .map(([levels, all]) => (all || levels.length === 0 ? [...levels, '#'] : levels).join('/')),
  fc.constantFrom('mesh/v1/#', 'mesh/v1/site/+/state', 'mesh/+/site/d1/state'),
);

const shards = fc.constantFrom(
  '+',
  ...['mesh/v1/site/d1/state', 'mesh/v1/site/d2/state'].map((reading) => String(shardOfTopic(reading))),
);

/** Plain filters, shared ones, those of shards, and private ones. */
export const filter = fc.oneof(
  { weight: 6, arbitrary: plain },
  { weight: 2, arbitrary: fc.tuple(shards, plain).map(([shard, inner]) => `$shard/${shard}/${inner}`) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('g', 'h'), plain).map(([group, inner]) => `$share/${group}/${inner}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('$SYS/#', '$SYS', '$share/g/$SYS/#') },
);

export function isPrivateFilter(text: string): boolean {
  return /^(\$share\/[^/]+\/)?\$SYS(\/|$)/.test(text);
}

/** What the cover does with its tree, said for two filters. */
export function covers(wide: string, narrow: string): boolean {
  if (parseShareFilter(wide) !== undefined || parseShareFilter(narrow) !== undefined) return wide === narrow;
  return filterCovers(wide, narrow);
}

/** Whether one of the filters wants a topic, by itself or in its shard's space; `$share` aside. */
export function wants(filters: Iterable<string>, one: string): boolean {
  const shard = shardOfTopic(one);
  return [...filters].some(
    (each) => filterMatches(each, one) || (shard !== undefined && filterMatches(each, shardTopic(shard, one))),
  );
}

/** The shared filters among them that match a topic. */
export function sharesOf(filters: Iterable<string>, one: string): string[] {
  return [...filters].filter((each) => {
    const shared = parseShareFilter(each);
    return shared !== undefined && wants([shared.filter], one);
  });
}
