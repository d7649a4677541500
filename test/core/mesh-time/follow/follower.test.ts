import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { START_MS, VirtualServers } from './virtual-servers.ts';

const S = 1_000;

describe('TimeFollower', () => {
  it('knows nothing at first, is set once by its first round, and slews from then on', () => {
    const world = new VirtualServers({ ppm: 80, jitterMs: 1 });
    expect(world.follower.at(0)).toEqual({ ms: 0, uncertaintyMs: Number.POSITIVE_INFINITY });
    expect(world.follower.isSynchronised).toBe(false);
    world.run(1_000);
    expect(world.follower.kind).toBe('absolute');
    expect(world.notes).toEqual([{ kind: 'synchronised', serverId: 'a', steppedByMs: expect.any(Number) }]);
    expect(Math.abs(world.error().errorMs)).toBeLessThan(2);
    world.run(600 * S);
    expect(world.follower.clock.steps).toBe(1);
    expect(Math.abs(world.error().errorMs)).toBeLessThan(0.5);
    expect(world.error().uncertaintyMs).toBeLessThan(2);
    expect(world.follower.clock.frequencyPpm).toBeCloseTo(-80, -1);
  });

  it('holds the truth inside and never goes backwards, for any clock, network and servers', () => {
    const arbitrary = fc.record({
      seed: fc.integer(),
      ppm: fc.double({ min: -150, max: 150, noNaN: true }),
      outMs: fc.double({ min: 0.05, max: 30, noNaN: true }),
      backMs: fc.double({ min: 0.05, max: 30, noNaN: true }),
      jitterMs: fc.double({ min: 0, max: 30, noNaN: true }),
      loss: fc.double({ min: 0, max: 0.6, noNaN: true }),
      servers: fc.record({
        a: fc.record({ aheadMs: fc.double({ min: -3, max: 3, noNaN: true }), uncertaintyMs: fc.constant(3) }),
        b: fc.record({ aheadMs: fc.double({ min: -1, max: 1, noNaN: true }), uncertaintyMs: fc.constant(1) }),
      }),
      deadFor: fc.integer({ min: 0, max: 600 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ deadFor, ...world }) => {
        const run = new VirtualServers(world);
        let shownMs = Number.NEGATIVE_INFINITY;
        let steps = 0;
        const look = (): void => {
          const { errorMs, uncertaintyMs } = run.error();
          expect(Math.abs(errorMs)).toBeLessThanOrEqual(uncertaintyMs);
          const { ms } = run.follower.at(run.nowMs);
          if (steps > 0) expect(ms).toBeGreaterThanOrEqual(shownMs);
          shownMs = ms;
          steps = run.follower.clock.steps;
        };
        run.run(200 * S, look);
        const { a, b } = run.servers as Record<'a' | 'b', { isUp: boolean }>;
        a.isUp = false;
        run.run(100 * S, look);
        b.isUp = false;
        run.run(deadFor * S, look);
        look();
        a.isUp = true;
        run.run(200 * S, look);
        expect(run.follower.clock.steps).toBeLessThanOrEqual(1);
      }),
      { numRuns: 150 },
    );
  });

  it('asks in a burst, then ever more seldom, with jitter', () => {
    const world = new VirtualServers();
    world.run(1_000);
    expect(world.asked).toHaveLength(8);
    world.run(900 * S);
    const rounds = world.asked.filter(({ trueMs }, at) => trueMs - (world.asked[at - 1]?.trueMs ?? -1e9) > 1_000);
    const gaps = rounds.slice(1).map(({ trueMs }, at) => trueMs - (rounds[at]?.trueMs ?? 0));
    expect(gaps[0]).toBeLessThan(4_000);
    expect(Math.max(...gaps)).toBeGreaterThan(50 * S);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(64 * S * 1.2 + 1_000);
    expect(new Set(gaps.slice(-4).map(Math.round)).size).toBe(4);
    expect(world.asked.length).toBeLessThan(100);
  });

  it('goes to another server when one is silent, and says so once', () => {
    const world = new VirtualServers({ servers: { a: { isUp: false }, b: {} } });
    world.run(10 * S);
    expect(world.follower.isSynchronised).toBe(true);
    expect(world.follower.serverId).toBe('b');
    expect(world.notes.map(({ kind }) => kind)).toEqual(['silent', 'synchronised', 'heardAgain']);
    expect(new Set(world.asked.slice(8).map(({ server }) => server))).toEqual(new Set(['b']));
  });

  it('asks a silent mesh seldom, and at once when there is a way to it again', () => {
    const world = new VirtualServers({ servers: { a: { isUp: false }, b: { isUp: false } } });
    world.run(300 * S);
    expect(world.asked.length).toBeLessThan(250);
    expect(world.follower.isSynchronised).toBe(false);
    world.servers['a']!.isUp = true;
    world.servers['b']!.isUp = true;
    world.take({ type: 'reachable' });
    world.run(1_000);
    expect(world.follower.isSynchronised).toBe(true);
  });

  it('holds over while all are silent, and knows that it knows less and less', () => {
    const world = new VirtualServers({ ppm: 60, jitterMs: 0.2 });
    world.run(300 * S);
    const before = world.error();
    world.servers['a']!.isUp = false;
    world.run(3_600 * S);
    const after = world.error();
    expect(after.uncertaintyMs).toBeGreaterThan(before.uncertaintyMs * 2);
    expect(Math.abs(after.errorMs)).toBeLessThan(after.uncertaintyMs);
    expect(world.follower.kind).toBe('absolute');
  });

  it('learns nothing from a server that has no time itself, and goes elsewhere', () => {
    const unready = { kind: 'none' as const, uncertaintyMs: Number.POSITIVE_INFINITY, aheadMs: -1e9 };
    const alone = new VirtualServers({ servers: { a: unready } });
    alone.run(20 * S);
    expect(alone.follower.isSynchronised).toBe(false);
    expect(alone.follower.counts).toMatchObject({ answered: 0, unready: alone.asked.length });
    Object.assign(alone.servers['a']!, { kind: 'relative', uncertaintyMs: 1, aheadMs: 0 });
    alone.run(5 * S);
    expect(alone.follower.kind).toBe('relative');
    const other = new VirtualServers({ servers: { a: unready, b: {} } });
    other.run(10 * S);
    expect(other.follower.serverId).toBe('b');
  });

  it('counts what was not asked for, what was answered before, what cannot be, and what is no answer', () => {
    const world = new VirtualServers();
    world.run(30 * S);
    const before = world.error();
    const [answer] = world.answers.slice(-1);
    const lie = { ...answer!, t2Ms: START_MS + 1e7, t3Ms: START_MS + 1e7 };
    world.answer({ ...lie, id: '0123456789abcdef' });
    world.answer(lie);
    world.answer(lie);
    world.take({ type: 'malformed' });
    expect(world.follower.counts).toMatchObject({ unasked: 1, replayed: 2, malformed: 1, impossible: 0 });
    expect(world.error()).toEqual(before);
    const open = world.asked.length;
    while (world.asked.length === open) world.run(1);
    const question = world.asked.at(-1)!.question;
    // It claims to have been on the way for longer than there was time.
    world.answer({ ...lie, ...question, t3Ms: lie.t2Ms + 1_000 });
    expect(world.follower.counts.impossible).toBe(1);
    expect(world.error().errorMs).toBeCloseTo(before.errorMs, 1);
    const { impossible } = world.follower.counts;
    while (world.asked.length === open + 1) world.run(1);
    world.answer({ ...answer!, id: world.asked.at(-1)!.question.id, t1Ms: 5 });
    expect(world.follower.counts.impossible).toBe(impossible + 1);
  });

  it('remembers a bounded number of questions: what answers an older one was not asked for', () => {
    const world = new VirtualServers({ servers: { a: { isUp: false } } });
    world.run(600 * S);
    expect(world.asked.length).toBeGreaterThan(64);
    const { question } = world.asked[0]!;
    const times = { t2Ms: START_MS, t3Ms: START_MS, uncertaintyMs: 0, kind: 'absolute' as const, serverId: 'a' };
    world.answer({ ...question, ...times });
    expect(world.follower.counts.unasked).toBe(1);
  });

  it('sets itself forwards after the machine has slept, and slews what is less, or backwards', () => {
    const world = new VirtualServers();
    world.run(60 * S);
    world.servers['a']!.aheadMs = 3_600 * S;
    world.run(300 * S);
    expect(world.notes.at(-1)).toMatchObject({ kind: 'setForwards' });
    expect(Math.abs(world.error().errorMs - 3_600 * S)).toBeLessThan(5);
    world.servers['a']!.aheadMs = 0;
    let shownMs = 0;
    world.run(300 * S, () => {
      const { ms } = world.follower.at(world.nowMs);
      expect(ms).toBeGreaterThanOrEqual(shownMs);
      shownMs = ms;
    });
    expect(world.follower.clock.steps).toBe(2);
    expect(world.error().errorMs).toBeGreaterThan(3_599 * S);
    // It owns up to it.
    expect(world.error().uncertaintyMs).toBeGreaterThan(3_599 * S);
  });
});
