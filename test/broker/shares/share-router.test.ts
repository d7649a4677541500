import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { awayFilterOf, ShareRouter } from '../../../broker/shares/index.ts';
import { ShareGroups } from '../../../broker/state/index.ts';
import { filterMatches, parseShareFilter } from '../../../core/wire/index.ts';

const FILTER = '$share/g/a/+';

interface Member {
  id: string;
  isAway?: boolean;
  load?: number;
}

function routerOf(members: Member[], remote: Record<string, string[]> = {}): ShareRouter<Member> {
  const groups = new ShareGroups<Member>();
  for (const member of members) groups.add(FILTER, member, 1);
  return new ShareRouter({
    brokerId: 'b1',
    groups,
    clientIdOf: ({ id }) => id,
    isConnected: ({ isAway }) => isAway !== true,
    loadOf: ({ load }) => load ?? 0,
    shareNodes: () => new Map(Object.entries(remote)),
  });
}

function counts(router: ShareRouter<Member>, messages: number): Record<string, number> {
  const found: Record<string, number> = {};
  for (let each = 0; each < messages; each++) {
    const targets = router.targetsOf('a/b');
    expect(targets).toHaveLength(1);
    const name = targets[0]?.clientId ?? targets[0]?.broker ?? '';
    found[name] = (found[name] ?? 0) + 1;
  }
  return found;
}

describe('the choice of a member', () => {
  it('goes in turn among those who are connected here, whoever is elsewhere', () => {
    const router = routerOf([{ id: 'x' }, { id: 'away', isAway: true }, { id: 'y' }, { id: 'z' }], {
      [FILTER]: ['b2'],
    });
    expect(counts(router, 300)).toEqual({ x: 100, y: 100, z: 100 });
  });

  it('prefers who has less to do', () => {
    const slow = { id: 'slow', load: 50 };
    const router = routerOf([slow, { id: 'x' }, { id: 'y' }]);
    const found = counts(router, 300);
    expect(found['slow'] ?? 0).toBe(0);
    expect(Math.abs((found['x'] as number) - (found['y'] as number))).toBeLessThan(110);
  });

  it('goes to another broker when nobody is connected here, evenly', () => {
    const router = routerOf([{ id: 'away', isAway: true }], { [FILTER]: ['b2', 'b3', 'b4'] });
    const found = counts(router, 3_000);
    expect(Object.keys(found).sort()).toEqual(['b2', 'b3', 'b4']);
    for (const count of Object.values(found)) expect(Math.abs(count - 1_000)).toBeLessThan(120);
  });

  it('goes to who is away only when nobody is connected anywhere, here first', () => {
    const away = { [awayFilterOf(FILTER)]: ['b2'] };
    expect(counts(routerOf([{ id: 'x', isAway: true }], away), 1)).toEqual({ x: 1 });
    expect(counts(routerOf([], away), 1)).toEqual({ b2: 1 });
    expect(routerOf([]).targetsOf('a/b')).toEqual([]);
  });

  it('leaves out who has just gone', () => {
    const gone = { id: 'x', isAway: true };
    const router = routerOf([gone]);
    expect(router.targetOf(FILTER, 'a/b', { subscriber: gone })).toBeUndefined();
    expect(router.hasConnected(FILTER, 'a/b', { subscriber: gone })).toBe(false);
    expect(routerOf([gone, { id: 'y' }]).hasConnected(FILTER, 'a/b', { subscriber: gone })).toBe(true);
    expect(routerOf([gone], { [FILTER]: ['b2'] }).hasConnected(FILTER, 'a/b', { subscriber: gone })).toBe(true);
  });

  it('gives each group that matches one target', () => {
    const groups = new ShareGroups<string>();
    groups.add('$share/g/a/+', 'x', 1);
    groups.add('$share/h/a/#', 'x', 1);
    groups.add('$share/g/a/b', 'y', 1);
    groups.add('$share/g/c', 'z', 1);
    const options = {
      brokerId: 'b1',
      groups,
      clientIdOf: (id: string) => id,
      isConnected: () => true,
      loadOf: () => 0,
    };
    const router = new ShareRouter({ ...options, shareNodes: () => new Map() });
    const found = router.targetsOf('a/b').map(({ filter, clientId }) => `${filter} ${clientId}`);
    expect(found.sort()).toEqual(['$share/g/a/+ x', '$share/g/a/b y', '$share/h/a/# x']);
  });
});

describe('share groups', () => {
  it('match as their filters do, after any changes', () => {
    const filters = ['a', 'a/b', 'a/+', '+/b', '#', 'a/#'].flatMap((each) => [`$share/g/${each}`, `$share/h/${each}`]);
    const change = fc.record({
      isAdd: fc.boolean(),
      filter: fc.constantFrom(...filters),
      member: fc.constantFrom('x', 'y'),
    });
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 60 }),
        fc.constantFrom('a', 'a/b', 'b', 'a/b/c', '$SYS/b'),
        (changes, topic) => {
          const groups = new ShareGroups<string>();
          const model = new Set<string>();
          for (const { isAdd, filter, member } of changes) {
            const key = `${filter} ${member}`;
            if (isAdd) expect(groups.add(filter, member, 1)).toBe(!model.has(key));
            else expect(groups.remove(filter, member)).toBe(model.has(key));
            if (isAdd) model.add(key);
            else model.delete(key);
            groups.match(topic);
          }
          const expected = [...model].filter((key) =>
            filterMatches(parseShareFilter(key.split(' ')[0] as string)?.filter as string, topic),
          );
          const found = groups
            .match(topic)
            .flatMap(({ filter, members }) => members.map(({ subscriber }) => `${filter} ${subscriber}`));
          expect(found.sort()).toEqual(expected.sort());
          expect(groups.isEmpty).toBe(model.size === 0);
        },
      ),
    );
  });
});
