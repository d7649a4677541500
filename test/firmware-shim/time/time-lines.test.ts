import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Life, momentIn, type TimeLine, withLine, withPresent } from '../../../firmware-shim/time/time-lines.ts';

const T = 1_763_800_000_000;
const lineAt = (atMs: number, shownMs: number, changes: Partial<TimeLine> = {}): TimeLine => ({
  ...{ atMs, shownMs, rate: 1, uncertaintyMs: 1, growthPpm: 100 },
  ...changes,
});
const unstamped = (life: string, monotonicMs: number, wallMs?: number) =>
  ({ kind: 'unstamped', life, monotonicMs, wallMs }) as const;

describe('readings of the present life', () => {
  const begun = withPresent([], 'a', undefined);

  it('wait for its time, and are then stamped by it', () => {
    expect(momentIn(begun, 'a', 500)).toBeUndefined();
    const lives = withLine(begun, lineAt(10_000, T, { rate: 1.0001 }));
    expect(momentIn(lives, 'a', 9_000)).toEqual({ ms: T - 1_000.1, isSynchronised: true });
    expect(momentIn(lives, 'b', 9_000)).toBeUndefined();
  });

  it('do not count as synchronised when they are too far from it', () => {
    const lives = withLine(begun, lineAt(20_000_000, T, { growthPpm: 400 }));
    expect(momentIn(lives, 'a', 19_000_000)?.isSynchronised).toBe(true);
    expect(momentIn(lives, 'a', 1_000_000)).toEqual({ ms: T - 19_000_000, isSynchronised: false });
  });

  it('are stamped by the first line behind them, whatever later ones say; behind the last they wait for the next', () => {
    const one = withLine(begun, lineAt(10_000, T));
    const two = withLine(one, lineAt(20_000, T + 10_500));
    expect(momentIn(two, 'a', 9_000)).toEqual(momentIn(one, 'a', 9_000));
    expect(momentIn(two, 'a', 19_000)?.ms).toBe(T + 9_500);
    expect(momentIn(two, 'a', 21_000)).toBeUndefined();
    const over = withPresent(two, 'b', unstamped('a', 21_000));
    expect(momentIn(over, 'a', 21_000)).toEqual({ ms: T + 11_500, isSynchronised: false });
  });
});

describe('readings of an earlier life that never knew the time', () => {
  /** Life a knew the time, b not, and c is told it at 5 s. */
  const settled = (wallMs?: number, cShownMs = T + 100_000): Life[] => {
    const a = withLine(withPresent([], 'a', undefined), lineAt(1_000, T));
    const b = withPresent(a, 'b', { kind: 'stamped', stampMs: T + 20_000 });
    const c = withPresent(b, 'c', unstamped('b', 30_000, wallMs));
    expect(momentIn(c, 'b', 30_000)).toBeUndefined();
    return withLine(c, lineAt(5_000, cShownMs));
  };

  it('end where the next begins', () => {
    const lives = settled();
    expect(momentIn(lives, 'b', 30_000)).toEqual({ ms: T + 95_000, isSynchronised: false });
    expect(momentIn(lives, 'b', 0)?.ms).toBe(T + 65_000);
  });

  it('go by the wall clock when that says something between', () => {
    expect(momentIn(settled(T + 60_000), 'b', 30_000)?.ms).toBe(T + 60_000);
    // Before the last time that was known, or beyond the life after.
    expect(momentIn(settled(T + 40_000), 'b', 30_000)?.ms).toBe(T + 95_000);
    expect(momentIn(settled(T + 99_000), 'b', 30_000)?.ms).toBe(T + 95_000);
  });

  it('lie neither before the last time that was known nor beyond the life after', () => {
    // There is less time between the two than it ran for: somebody is wrong.
    const lives = settled(undefined, T + 30_000);
    expect(momentIn(lives, 'b', 0)?.ms).toBe(T + 20_000);
    expect(momentIn(lives, 'b', 30_000)?.ms).toBe(T + 25_000);
  });

  it('stay where they were first put', () => {
    const lives = settled();
    const later = withLine(withPresent(lives, 'd', unstamped('c', 9_000)), lineAt(1, T + 900_000));
    expect(momentIn(later, 'b', 10_000)).toEqual(momentIn(lives, 'b', 10_000));
  });

  it('are unknown to a shim whose file is lost', () => {
    expect(momentIn(withLine(withPresent([], 'c', undefined), lineAt(1, T)), 'b', 1)).toBeUndefined();
  });
});

it('keeps the order over any number of lives, none before its boot or beyond the next, and every stamp as it was first found', () => {
  const lifeOf = fc.record({
    runMs: fc.integer({ min: 1, max: 1e7 }),
    offMs: fc.integer({ min: 0, max: 1e7 }),
    /** When in its life it hears the time; later than it lives: never. */
    syncAt: fc.double({ min: 0, max: 2, noNaN: true }),
    wall: fc.option(fc.integer({ min: -1e8, max: 1e8 }), { nil: undefined }),
    readings: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
  });
  fc.assert(
    fc.property(fc.array(lifeOf, { minLength: 1, maxLength: 8 }), (plan) => {
      let lives: Life[] = [];
      let bootMs = T;
      let last: Parameters<typeof withPresent>[2];
      const taken: { life: string; atMs: number; trueMs: number; bootMs: number; nextBootMs: number }[] = [];
      const found = new Map<string, number>();
      plan.forEach(({ runMs, offMs, syncAt, wall, readings }, index) => {
        const life = `life-${index}`;
        lives = withPresent(lives, life, last);
        last = undefined;
        const syncMs = syncAt * runMs;
        const nextBootMs = bootMs + runMs + offMs;
        for (const atMs of readings.map((share) => Math.floor(share * runMs)).sort((a, b) => a - b)) {
          if (atMs > syncMs) {
            last = { kind: 'stamped', stampMs: Math.round(bootMs + atMs) };
          } else {
            last = unstamped(life, atMs, wall === undefined ? undefined : bootMs + atMs + wall);
            taken.push({ life, atMs, trueMs: bootMs + atMs, bootMs, nextBootMs });
          }
        }
        if (syncMs <= runMs) lives = withLine(lives, lineAt(syncMs, bootMs + syncMs, { uncertaintyMs: 0 }));
        let shownMs = Number.NEGATIVE_INFINITY;
        for (const reading of taken) {
          const stamp = momentIn(lives, reading.life, reading.atMs);
          const name = `${reading.life}/${reading.atMs}`;
          if (stamp === undefined) {
            expect(found.has(name)).toBe(false);
            continue;
          }
          expect(stamp.ms).toBeGreaterThanOrEqual(shownMs);
          shownMs = stamp.ms;
          expect(stamp.ms).toBe(found.get(name) ?? stamp.ms);
          found.set(name, stamp.ms);
          expect(stamp.ms).toBeLessThanOrEqual(bootMs + runMs + 1);
          if (stamp.isSynchronised) expect(Math.abs(stamp.ms - reading.trueMs)).toBeLessThan(1);
        }
        bootMs = nextBootMs;
      });
    }),
    { numRuns: 150 },
  );
});
