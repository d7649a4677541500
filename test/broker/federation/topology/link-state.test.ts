import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Advertisement,
  advertisementSchema,
  LinkStateDatabase,
  NEIGHBOURS_MAX,
  NODES_MAX,
} from '../../../../broker/federation/topology/index.ts';
import { seededRandom } from '../../../../core/random/index.ts';
import { FloodingMesh } from './flooding.ts';

function database(node: string, boot = 'b'): LinkStateDatabase {
  return new LinkStateDatabase({ node, incarnation: '1', boot, isLeaf: false });
}

function said(node: string, change: Partial<Advertisement> = {}): Advertisement {
  return { ...database(node).own, ...change };
}

const graph = fc.record({
  seed: fc.integer(),
  leaves: fc.array(fc.boolean(), { minLength: 2, maxLength: 7 }),
  /** Changes while messages fly: a link up (most), a link down, a broker that starts again, a refresh. */
  changes: fc.array(
    fc.record({
      kind: fc.constantFrom('link', 'link', 'link', 'link', 'unlink', 'restart', 'refresh'),
      one: fc.nat(),
      other: fc.nat(),
      deliveries: fc.nat(10),
    }),
    { maxLength: 30 },
  ),
});

/** Brokers that a path of links leads to, whatever they are; floods pass leaves as well. */
function component(mesh: FloodingMesh, start: string): string[] {
  const seen = [start];
  for (const node of seen) for (const next of mesh.neighboursOf(node)) if (!seen.includes(next)) seen.push(next);
  return seen;
}

/** The lengths of shortest paths by relaxation, to compare the routes with. */
function distances(mesh: FloodingMesh, start: string): Map<string, number> {
  const found = new Map([[start, 0]]);
  for (const _ of mesh.brokers.keys()) {
    for (const [node, distance] of [...found]) {
      if (node !== start && mesh.broker(node).own.isLeaf) continue;
      for (const next of mesh.neighboursOf(node)) {
        found.set(next, Math.min(found.get(next) ?? Number.POSITIVE_INFINITY, distance + 1));
      }
    }
  }
  found.delete(start);
  return found;
}

function expectAgreement(mesh: FloodingMesh): void {
  for (const node of mesh.brokers.keys()) {
    for (const other of component(mesh, node)) {
      expect(mesh.broker(node).of(other), `${other} at ${node}`).toEqual(mesh.broker(other).own);
    }
  }
}

function expectRoutes(mesh: FloodingMesh): void {
  for (const [node, broker] of mesh.brokers) {
    const routes = broker.routes();
    const expected = distances(mesh, node);
    expect(routes.reachable).toEqual([...expected.keys()].sort());
    expect([routes.nextHop(node), routes.path(node)]).toEqual([undefined, undefined]);
    for (const [destination, distance] of expected) {
      const path = routes.path(destination) as string[];
      expect(path.length, `${node} to ${destination}`).toBe(distance);
      expect([path.at(0), path.at(-1)]).toEqual([routes.nextHop(destination), destination]);
      for (const hop of path.slice(0, -1)) expect(mesh.broker(hop).own.isLeaf, `transit by ${hop}`).toBe(false);
      // Each hop asks only itself, and all together go the way that the first one foresaw.
      const walked: string[] = [];
      for (let at = node; at !== destination; walked.push(at)) {
        const next = mesh.broker(at).routes().nextHop(destination) as string;
        expect(mesh.hasLink(at, next)).toBe(true);
        at = next;
      }
      expect(walked).toEqual(path);
    }
  }
}

describe('flooding', () => {
  it('ends with equal databases and with routes that are shortest, free of loops, and without transit by leaves', () => {
    fc.assert(
      fc.property(graph, ({ seed, leaves, changes }) => {
        const mesh = new FloodingMesh(seededRandom(seed));
        leaves.forEach((isLeaf, at) => {
          mesh.start(`n${at}`, isLeaf);
        });
        for (const { kind, one, other, deliveries } of changes) {
          const first = `n${one % leaves.length}`;
          const second = `n${other % leaves.length}`;
          if (kind === 'link') mesh.link(first, second);
          else if (kind === 'unlink') mesh.unlink(first, second);
          else if (kind === 'restart') mesh.start(first, leaves[one % leaves.length]);
          else mesh.flood(first, mesh.broker(first).refresh());
          mesh.run(deliveries);
        }
        mesh.run();
        expectAgreement(mesh);
        expectRoutes(mesh);
      }),
      { numRuns: 1_000 },
    );
  });

  it('agrees again after a partition', () => {
    const mesh = new FloodingMesh(seededRandom('partition'));
    for (const node of ['a', 'b', 'c', 'd']) mesh.start(node);
    mesh.link('a', 'b');
    mesh.link('c', 'd');
    mesh.link('b', 'c');
    mesh.run();
    expect(mesh.broker('a').routes().path('d')).toEqual(['b', 'c', 'd']);
    mesh.unlink('b', 'c');
    mesh.run();
    expect(mesh.broker('a').routes().reachable).toEqual(['b']);
    mesh.flood('a', mesh.broker('a').advertise({ interestVersion: 5 }));
    mesh.flood('d', mesh.broker('d').advertise({ interestVersion: 7 }));
    mesh.run();
    expect(mesh.broker('d').of('a')?.interestVersion).toBe(0);
    mesh.link('a', 'd');
    mesh.run();
    expectAgreement(mesh);
    expect(mesh.broker('d').of('a')?.interestVersion).toBe(5);
    expect(mesh.broker('b').routes().path('c')).toEqual(['a', 'd', 'c']);
  });

  it('lets a broker that starts again at 1 go above what it said before, in few messages', () => {
    const mesh = new FloodingMesh(seededRandom('restart'));
    for (const node of ['a', 'b', 'c']) mesh.start(node);
    mesh.link('a', 'b');
    mesh.link('b', 'c');
    for (let i = 0; i < 50; i++) mesh.flood('a', mesh.broker('a').refresh());
    mesh.run();
    mesh.start('a');
    mesh.link('a', 'b');
    expect(mesh.run()).toBeLessThan(40);
    expectAgreement(mesh);
    expect(mesh.broker('a').own.sequence).toBeGreaterThan(50);
    expect(mesh.broker('a').outbid).toBe(1);
  });
});

describe('a sequence that nobody can have reached', () => {
  const poisoned = (node: string) => said(node, { boot: 'poison', sequence: 2 ** 48 });

  it('is answered by its owner and by those who know better, and stays below the bound', () => {
    const own = database('a');
    const known = said('b', { sequence: 7 });
    own.receive(known);
    expect(own.receive(poisoned('b'))).toEqual({ answer: known, isNew: false });
    expect(own.receive(poisoned('a'))).toEqual({ answer: own.own, isNew: false });
    expect([own.own.sequence, own.implausible]).toEqual([1, 2]);
  });

  it('goes away again where it was the first that was heard', () => {
    fc.assert(
      fc.property(fc.integer(), fc.subarray(['b', 'c', 'd', 'e'], { minLength: 1 }), (seed, infected) => {
        const mesh = new FloodingMesh(seededRandom(seed));
        const nodes = ['a', 'b', 'c', 'd', 'e'];
        for (const node of nodes) mesh.start(node);
        for (const node of infected) mesh.broker(node).receive(poisoned('a'));
        nodes.forEach((node, at) => {
          mesh.link(node, nodes[(at + 1) % nodes.length] as string);
        });
        mesh.run();
        expectAgreement(mesh);
        expectRoutes(mesh);
        expect(mesh.broker('a').own.sequence).toBeLessThan(1_000);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a link-state database', () => {
  it('floods what is newer, answers what is older, and is silent on what it knows', () => {
    const own = database('a');
    const first = said('b', { sequence: 3, neighbours: ['a'] });
    expect(own.receive(first)).toEqual({ flood: first, isNew: true });
    expect(own.receive(first)).toEqual({ isNew: false });
    expect(own.receive(said('b', { sequence: 2 }))).toEqual({ answer: first, isNew: false });
    const later = { ...first, sequence: 4, interestVersion: 1 };
    expect(own.receive(later)).toEqual({ flood: later, isNew: false });
    const restarted = { ...later, sequence: 5, boot: 'c' };
    expect(own.receive(restarted)).toEqual({ flood: restarted, isNew: true });
  });

  it('decides by the boot between equal sequences, whichever came first', () => {
    const lesser = said('b', { boot: 'b1' });
    const greater = said('b', { boot: 'b2' });
    for (const order of [
      [lesser, greater],
      [greater, lesser],
    ]) {
      const own = database('a');
      for (const each of order) own.receive(each);
      expect(own.of('b')).toEqual(greater);
    }
  });

  it('goes above what others have said in its name', () => {
    const own = database('a', 'now');
    expect(own.receive(said('a', { boot: 'before', sequence: 1 })).flood).toMatchObject({ boot: 'now', sequence: 2 });
    expect(own.receive(said('a', { boot: 'now', sequence: 9 })).answer).toMatchObject({ boot: 'now', sequence: 10 });
    expect(own.receive(said('a', { boot: 'before', sequence: 9 }))).toEqual({ answer: own.own, isNew: false });
    expect(own.receive(own.own)).toEqual({ isNew: false });
    expect(own.own.sequence).toBe(10);
  });

  it('advertises only what is different', () => {
    const own = database('a');
    expect(own.advertise({ neighbours: [], interestVersion: 0 })).toBeUndefined();
    expect(own.advertise({ neighbours: ['c', 'b', 'c'] })).toMatchObject({ neighbours: ['b', 'c'], sequence: 2 });
    expect(own.advertise({ neighbours: ['b', 'c'] })).toBeUndefined();
    expect(own.advertise({ interestVersion: 1, interestHash: 'x' })).toMatchObject({ sequence: 3 });
    expect(own.refresh()).toEqual({ ...own.own, sequence: 4 });
    const many = Array.from({ length: NEIGHBOURS_MAX + 1 }, (_, i) => `n${i}`);
    expect(() => own.advertise({ neighbours: many })).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it('counts an edge only when both ends list each other', () => {
    const own = database('a');
    own.advertise({ neighbours: ['b'] });
    own.receive(said('b', { neighbours: ['c'] }));
    expect(own.routes().reachable).toEqual([]);
    own.receive(said('b', { neighbours: ['a', 'c'], sequence: 2 }));
    expect(own.routes().reachable).toEqual(['b']);
    own.receive(said('c', { neighbours: ['b'] }));
    expect(own.routes().reachable).toEqual(['b', 'c']);
  });

  it('keeps the routes until a link changes', () => {
    const own = database('a');
    own.receive(said('b'));
    const routes = own.routes();
    own.receive(said('b', { sequence: 2, interestVersion: 3 }));
    own.refresh();
    expect(own.routes()).toBe(routes);
    own.receive(said('b', { sequence: 3, neighbours: ['a'] }));
    expect(own.routes()).not.toBe(routes);
  });

  it('forgets brokers that have been unreachable for long, and not those that came back', () => {
    const own = database('a');
    own.advertise({ neighbours: ['b'] });
    own.receive(said('b', { neighbours: ['a'] }));
    own.receive(said('gone'));
    own.receive(said('back'));
    expect(own.forget(1_000, 500)).toEqual([]);
    own.receive(said('b', { neighbours: ['a', 'back'], sequence: 2 }));
    own.receive(said('back', { neighbours: ['b'], sequence: 2 }));
    expect(own.forget(1_500, 500)).toEqual([]);
    expect(own.forget(1_501, 500)).toEqual(['gone']);
    own.receive(said('b', { neighbours: ['a'], sequence: 3 }));
    expect(own.forget(1_502, 500)).toEqual([]);
    expect(own.forget(2_003, 500)).toEqual(['back']);
    expect(own.all().map(({ node }) => node)).toEqual(['a', 'b']);
  });

  it('refuses and counts brokers beyond its bound, and still takes news of those it knows', () => {
    const own = database('a');
    for (let i = 1; i < NODES_MAX; i++) own.receive(said(`n${i}`));
    expect(own.receive(said('one-more'))).toEqual({ isNew: false });
    expect([own.all().length, own.refused]).toEqual([NODES_MAX, 1]);
    expect(own.receive(said('n1', { sequence: 2, neighbours: ['a'] })).isNew).toBe(true);
  });

  it('has a schema that takes its own advertisements and no unbounded ones', () => {
    const own = database('a');
    expect(advertisementSchema.parse(own.own)).toEqual(own.own);
    for (const bad of [
      { node: '' },
      { node: 'x'.repeat(65) },
      { sequence: 0 },
      { sequence: 2 ** 49 },
      { interestVersion: Number.NaN },
      { neighbours: Array.from({ length: NEIGHBOURS_MAX + 1 }, (_, i) => `n${i}`) },
      { interestHash: 'x'.repeat(33) },
    ]) {
      expect(advertisementSchema.safeParse({ ...own.own, ...bad }).success, JSON.stringify(bad)).toBe(false);
    }
  });
});
