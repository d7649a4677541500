import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FilterCover,
  type InterestFrame,
  InterestTable,
  interestFrameSchema,
  OwnInterest,
} from '../../../../broker/federation/interest/index.ts';
import { seededRandom } from '../../../../core/random/index.ts';
import { filter, isPrivateFilter, sharesOf, topic, wants } from './filters.ts';

const BOOT = 'boot-1';

function tableOf(boots: Record<string, string> = {}): InterestTable {
  return new InterestTable((node) => boots[node] ?? BOOT);
}

function tell(table: InterestTable, node: string, ...filters: string[]): OwnInterest {
  const own = new OwnInterest({ node, boot: BOOT });
  own.update({ add: filters, remove: [] });
  for (const frame of own.snapshot()) table.apply(frame);
  return own;
}

/** Filters so long that a few thousand of them need several frames. */
function longFilters(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}/${'x'.repeat(100)}/${at}`);
}

/** A broker whose clients come and go, with what its sessions would be in a restore. */
class ModelBroker {
  readonly sessions = new Map<number, { isKept: boolean; filters: Set<string> }>();
  #boots = 0;
  cover = new FilterCover();
  own = new OwnInterest({ node: 'o', boot: 'o-0' });

  get boot(): string {
    return `o-${this.#boots}`;
  }

  connect(client: number, isKept: boolean): void {
    if (!isKept) this.clean(client);
    const session = this.sessions.get(client);
    if (session === undefined) this.sessions.set(client, { isKept, filters: new Set() });
    else session.isKept = isKept;
  }

  subscribe(client: number, text: string): void {
    const session = this.sessions.get(client);
    if (session === undefined || session.filters.has(text)) return;
    session.filters.add(text);
    this.cover.add(text);
  }

  unsubscribe(client: number, text: string): void {
    if (this.sessions.get(client)?.filters.delete(text)) this.cover.remove(text);
  }

  clean(client: number): void {
    for (const text of this.sessions.get(client)?.filters ?? []) this.cover.remove(text);
    this.sessions.delete(client);
  }

  /** Only what is kept comes back, under a new boot whose versions begin again. */
  crash(): void {
    this.#boots += 1;
    this.cover = new FilterCover();
    this.own = new OwnInterest({ node: 'o', boot: this.boot });
    for (const [client, { isKept, filters }] of this.sessions) {
      if (!isKept) this.sessions.delete(client);
      else for (const text of filters) this.cover.add(text);
    }
  }

  get subscriptions(): string[] {
    return [...this.sessions.values()].flatMap(({ filters }) => [...filters]).filter((text) => !isPrivateFilter(text));
  }
}

describe('the interest of other brokers', () => {
  it('equals the recomputed subscriptions after any subscribe, restore, clean and crash, whatever the frames went through', () => {
    const step = fc.record({
      kind: fc.constantFrom('subscribe', 'subscribe', 'subscribe', 'unsubscribe', 'connect', 'clean', 'crash', 'send'),
      client: fc.nat(3),
      isKept: fc.boolean(),
      index: fc.nat(7),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.array(filter, { minLength: 1, maxLength: 8, size: 'max' }),
        fc.array(topic, { minLength: 5 }),
        fc.integer(),
        (steps, pool, topics, seed) => {
          const random = seededRandom(seed);
          const broker = new ModelBroker();
          let advertisedBoot = broker.boot;
          const table = new InterestTable(() => advertisedBoot);
          const flying: InterestFrame[] = [];
          for (const { kind, client, isKept, index } of steps) {
            const text = pool[index % pool.length] as string;
            if (kind === 'subscribe') broker.subscribe(client, text);
            else if (kind === 'unsubscribe') broker.unsubscribe(client, text);
            else if (kind === 'connect') broker.connect(client, isKept);
            else if (kind === 'clean') broker.clean(client);
            else if (kind === 'crash') broker.crash();
            flying.push(...broker.own.update(broker.cover.takeChanges()));
            if (random.below(4) === 0) advertisedBoot = broker.boot;
            // In any order, some twice, some never.
            while (flying.length > 0 && random.below(3) > 0) {
              const at = random.below(flying.length);
              const frame = flying[at] as InterestFrame;
              const fate = random.below(4);
              if (fate > 0) flying.splice(at, 1);
              if (fate < 3) table.apply(frame);
            }
          }
          advertisedBoot = broker.boot;
          const { own } = broker;
          const expected = { boot: broker.boot, version: own.version, hash: own.hash };
          // The difference to the advertisement asks for a pull; what still flies comes late and must do no harm.
          for (const frame of own.snapshot()) table.apply(frame);
          for (const frame of flying) table.apply(frame);
          expect(table.version('o')).toEqual(expected);
          expect([...table.filtersOf('o')].sort()).toEqual([...broker.cover.filters].sort());
          for (const one of topics) {
            const { nodes, shares } = table.routeOf(one);
            expect(nodes.has('o'), one).toBe(wants(broker.subscriptions, one));
            expect([...shares.keys()].sort(), one).toEqual([...new Set(sharesOf(broker.subscriptions, one))].sort());
          }
          expect(table.damaged + table.refused).toBe(0);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('takes a change in several frames at once, though they come on two ways and cut differently', () => {
    const add = longFilters('a', 12_000);
    const own = new OwnInterest({ node: 'o', boot: BOOT });
    own.update({ add, remove: [] });
    const first = own.snapshot();
    expect(first.length).toBeGreaterThan(3);
    for (const frame of first) {
      expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThan(257 * 1024);
      expect(interestFrameSchema.parse(frame)).toEqual(frame);
    }
    const turned = new OwnInterest({ node: 'o', boot: BOOT });
    turned.update({ add: add.toReversed(), remove: [] });
    const second = turned.snapshot();
    const random = seededRandom('two ways');
    for (let round = 0; round < 20; round++) {
      const table = tableOf();
      const ways: [InterestFrame[], InterestFrame[]] = [[...first], [...second]];
      const results: string[] = [];
      while (ways[0].length + ways[1].length > 0) {
        const frame = ways[random.below(2)]?.shift();
        if (frame === undefined) continue;
        results.push(table.apply(frame));
        if (!results.includes('applied')) expect(table.routeOf(add[0] as string).nodes.size).toBe(0);
      }
      expect(results.filter((result) => result === 'applied')).toHaveLength(1);
      expect(new Set(results.slice(results.indexOf('applied') + 1))).toEqual(new Set(['known']));
      expect(table.filtersOf('o').size).toBe(12_000);
    }
  });

  it('passes each frame on once, so that a flood ends in a ring', () => {
    const tables = ['a', 'b', 'c'].map(() => tableOf());
    const own = new OwnInterest({ node: 'o', boot: BOOT });
    for (const table of tables) for (const frame of own.snapshot()) table.apply(frame);
    const frames = own.update({ add: longFilters('a', 8_000), remove: [] });
    const queue = frames.map((frame) => ({ at: 0, frame }));
    let passed = 0;
    for (const { at, frame } of queue) {
      const result = (tables[at] as InterestTable).apply(frame);
      if (result !== 'applied' && result !== 'partial') continue;
      passed += 1;
      expect(passed).toBeLessThanOrEqual(3 * frames.length);
      for (const step of [1, 2]) queue.push({ at: (at + step) % 3, frame });
    }
    expect(tables.map((table) => table.version('o')?.version)).toEqual([2, 2, 2]);
  });

  it('says what became of a frame', () => {
    const boots = { o: 'boot-1' };
    const table = tableOf(boots);
    const own = new OwnInterest({ node: 'o', boot: 'boot-1' });
    const [second] = own.update({ add: ['a'], remove: [] }) as [InterestFrame];
    expect(second).toMatchObject({ version: 2, base: 1 });
    expect(table.apply(second)).toBe('pull');
    expect(table.version('o')).toBeUndefined();
    expect(table.snapshot('o')).toEqual([]);
    expect(table.apply({ ...own.snapshot()[0], hash: 'f'.repeat(16) } as InterestFrame)).toBe('damaged');
    expect([table.damaged, table.filtersOf('o').size]).toEqual([1, 0]);
    expect(own.snapshot().map((frame) => table.apply(frame))).toEqual(['applied']);
    expect(table.apply(second)).toBe('known');
    const [third] = own.update({ add: ['b'], remove: ['a'] }) as [InterestFrame];
    const [fourth] = own.update({ add: ['c'], remove: [] }) as [InterestFrame];
    expect([fourth, third, fourth].map((frame) => table.apply(frame))).toEqual(['pull', 'applied', 'applied']);
    expect(own.update({ add: ['c'], remove: ['a'] })).toEqual([]);
    expect(table.snapshot('o')).toEqual(own.snapshot());

    const restarted = new OwnInterest({ node: 'o', boot: 'boot-2' });
    restarted.update({ add: ['c'], remove: [] });
    expect(restarted.snapshot().map((frame) => table.apply(frame))).toEqual(['foreign']);
    boots.o = 'boot-2';
    expect([...table.filtersOf('o')], 'the old ones stay until the new are there').toEqual(['b', 'c']);
    expect(restarted.snapshot().map((frame) => table.apply(frame))).toEqual(['applied']);
    expect([...table.filtersOf('o')]).toEqual(['c']);
    expect(own.snapshot().map((frame) => table.apply(frame))).toEqual(['foreign']);
  });

  it('routes to the brokers that want a topic, and names the groups that share it', () => {
    const table = tableOf();
    tell(table, 'x', 'a/#', '$share/g/a/+');
    tell(table, 'z', 'a/b', '$share/g/a/+', '$share/h/#');
    tell(table, 'y', '$share/g/a/+', '$share/g/c');
    const { nodes, shares } = table.routeOf('a/b');
    expect([...nodes].sort()).toEqual(['x', 'z']);
    expect(Object.fromEntries(shares)).toEqual({ '$share/g/a/+': ['x', 'y', 'z'], '$share/h/#': ['z'] });
    expect(table.routeOf('$SYS/a')).toEqual({ nodes: new Set(), shares: new Map() });
    table.forget('z');
    expect([...table.routeOf('a/b').nodes]).toEqual(['x']);
    expect(Object.fromEntries(table.routeOf('a/b').shares)).toEqual({ '$share/g/a/+': ['x', 'y'] });
    expect(table.version('z')).toBeUndefined();
  });

  it('gives the same route until an interest changes', () => {
    const table = tableOf();
    const own = tell(table, 'x', 'a');
    const route = table.routeOf('a');
    expect(table.routeOf('a')).toBe(route);
    for (const frame of own.update({ add: ['b'], remove: [] })) table.apply(frame);
    expect(table.routeOf('a')).not.toBe(route);
  });
});
