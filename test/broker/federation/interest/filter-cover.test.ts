import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FilterCover } from '../../../../broker/federation/interest/index.ts';
import { seededRandom } from '../../../../core/random/index.ts';
import { covers, filter, isPrivateFilter, topic, wants } from './filters.ts';

function coverOf(...filters: string[]): FilterCover {
  const cover = new FilterCover();
  for (const each of filters) cover.add(each);
  return cover;
}

describe('the cover of local filters', () => {
  it('is the set of those that no other covers, after any additions and removals', () => {
    // From a small pool, so that removals hit and filters cover each other.
    const pool = fc.array(filter, { minLength: 1, maxLength: 8, size: 'max' });
    const change = fc.record({ isAdded: fc.boolean(), index: fc.nat(7), takes: fc.boolean() });
    fc.assert(
      fc.property(pool, fc.array(change, { maxLength: 40, size: 'max' }), topic, (filters, changes, one) => {
        const cover = new FilterCover();
        const local: string[] = [];
        const told = new Set<string>();
        for (const { isAdded, index, takes } of changes) {
          const each = filters[index % filters.length] as string;
          if (isAdded) {
            cover.add(each);
            if (!isPrivateFilter(each)) local.push(each);
          } else {
            cover.remove(each);
            if (local.includes(each)) local.splice(local.indexOf(each), 1);
          }
          const distinct = [...new Set(local)];
          const expected = distinct.filter(
            (narrow) => !distinct.some((wide) => wide !== narrow && covers(wide, narrow)),
          );
          expect([...cover.filters].sort()).toEqual(expected.sort());
          expect(wants(cover.filters, one), one).toBe(wants(local, one));
          if (!takes) continue;
          const { add, remove } = cover.takeChanges();
          for (const gone of remove) expect(told.delete(gone)).toBe(true);
          for (const come of add) {
            expect(told.has(come)).toBe(false);
            told.add(come);
          }
          expect([...told].sort()).toEqual(expected.sort());
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('counts', () => {
    const cover = coverOf('a', 'a');
    cover.remove('a');
    expect([...cover.filters]).toEqual(['a']);
    cover.remove('a');
    cover.remove('a');
    expect([...cover.filters]).toEqual([]);
    cover.add('a');
    expect([...cover.filters]).toEqual(['a']);
  });

  it('takes back only what nothing else covers when a wide filter goes', () => {
    const cover = coverOf('a/b', 'a/c', '+/b', 'a/#');
    expect([...cover.filters].sort()).toEqual(['+/b', 'a/#']);
    cover.remove('a/#');
    expect([...cover.filters].sort()).toEqual(['+/b', 'a/c']);
  });

  it('tells nothing of what came and went between two calls', () => {
    const cover = coverOf('a/b');
    expect(cover.takeChanges()).toEqual({ add: ['a/b'], remove: [] });
    cover.add('a/#');
    cover.remove('a/#');
    expect(cover.takeChanges()).toEqual({ add: [], remove: [] });
    cover.add('a/#');
    expect(cover.takeChanges()).toEqual({ add: ['a/#'], remove: ['a/b'] });
  });

  it.each([
    [['#', '+/#', 'a', '+'], ['#']],
    [['a/#', 'a'], ['a/#']],
    [
      ['#', '$x/a'],
      ['#', '$x/a'],
    ],
    [
      ['+/a', '$x/a', '$x/#'],
      ['+/a', '$x/#'],
    ],
    [
      ['$shard/3/a/b', '$shard/3/a/#', '$shard/+/a/+', '$shard/4/a/b'],
      ['$shard/3/a/#', '$shard/+/a/+'],
    ],
    [
      ['$share/g/a/b', '$share/g/a/#', 'a/#'],
      ['$share/g/a/b', '$share/g/a/#', 'a/#'],
    ],
    [['$SYS/#', '$SYS', '$share/g/$SYS/x'], []],
  ])('of %j is %j', (filters, expected) => {
    expect([...coverOf(...filters).filters].sort()).toEqual(expected.sort());
  });

  it('stays quick with 50,000 filters', () => {
    const seed = 'cover';
    const random = seededRandom(seed);
    const filters = Array.from({ length: 50_000 }, (_, at) => {
      const device = `mesh/v1/site-${at % 50}/device-${at}`;
      return [`${device}/state`, `${device}/#`, `mesh/v1/+/device-${at}/cmd`][random.below(3)] as string;
    });
    const cover = new FilterCover();
    const usEach = (act: (filter: string) => void): string => {
      const beginNs = process.hrtime.bigint();
      for (const each of filters) act(each);
      return (Number(process.hrtime.bigint() - beginNs) / 1_000 / filters.length).toFixed(1);
    };
    const addUs = usEach((each) => cover.add(each));
    expect(cover.filters.size).toBe(50_000);
    cover.add('mesh/v1/#');
    expect([...cover.filters]).toEqual(['mesh/v1/#']);
    cover.remove('mesh/v1/#');
    expect(cover.filters.size).toBe(50_000);
    const removeUs = usEach((each) => cover.remove(each));
    expect(cover.filters.size).toBe(0);
    console.log(`50,000 filters (seed ${seed}): add ${addUs} us, remove ${removeUs} us each`);
  });
});
