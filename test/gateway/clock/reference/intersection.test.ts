import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Agreement, agreementOf, type Interval } from '../../../../gateway/clock/reference/intersection.ts';

const UTC_MINUS_MONOTONIC_MS = 1_790_000_000_000;

function interval(source: string, offsetMs: number, uncertaintyMs: number): Interval {
  return { source, offsetMs: UTC_MINUS_MONOTONIC_MS + offsetMs, uncertaintyMs };
}

function agreed(intervals: Interval[]): Extract<Agreement, { kind: 'agreed' }> {
  const agreement = agreementOf(intervals);
  if (agreement.kind !== 'agreed') throw new Error(`It is ${agreement.kind}.`);
  return agreement;
}

describe('the intersection', () => {
  it('of nothing is nothing', () => expect(agreementOf([])).toEqual({ kind: 'nothing' }));

  it('of one is that one', () => {
    expect(agreed([interval('a', 3, 2)])).toEqual({
      kind: 'agreed',
      offsetMs: UTC_MINUS_MONOTONIC_MS + 3,
      uncertaintyMs: 2,
      truechimers: ['a'],
      falsetickers: [],
    });
  });

  it('of two that meet is where they do', () => {
    const { offsetMs, uncertaintyMs, falsetickers } = agreed([interval('a', 0, 2), interval('b', 3, 2)]);
    // They share 1 to 2.
    expect(offsetMs - UTC_MINUS_MONOTONIC_MS).toBeCloseTo(1.5, 3);
    expect(uncertaintyMs).toBeCloseTo(0.5, 3);
    expect(falsetickers).toEqual([]);
  });

  it('of two that do not meet is a disagreement', () => {
    expect(agreementOf([interval('a', 0, 2), interval('b', 5, 2)])).toEqual({ kind: 'disagreement' });
  });

  it('of two that touch is where they touch', () => {
    const { offsetMs } = agreed([interval('a', 0, 2), interval('b', 4, 2)]);
    expect(offsetMs - UTC_MINUS_MONOTONIC_MS).toBeCloseTo(2, 3);
  });

  it('of three that all differ is a disagreement', () => {
    expect(agreementOf([interval('a', 0, 2), interval('b', 5, 2), interval('c', 10, 2)])).toEqual({
      kind: 'disagreement',
    });
  });

  it('names the one of three that contradicts the others, whichever it is', () => {
    const all = [interval('a', 0, 1), interval('b', 0.5, 1), interval('liar', -250, 1)];
    for (const order of [all, [...all].reverse(), [all[2], all[0], all[1]] as Interval[]]) {
      const { truechimers, falsetickers } = agreed(order);
      expect(truechimers.sort()).toEqual(['a', 'b']);
      expect(falsetickers).toEqual(['liar']);
    }
  });

  it('leans to the surest', () => {
    const { offsetMs, uncertaintyMs } = agreed([
      interval('near', 0, 0.1),
      interval('far', 5, 10),
      interval('off', -5, 10),
    ]);
    expect(Math.abs(offsetMs - UTC_MINUS_MONOTONIC_MS)).toBeLessThan(0.1);
    // Should "near" lie, the truth is anywhere that both of the others hold possible.
    expect(uncertaintyMs).toBeGreaterThanOrEqual(5);
  });

  it('lies where a majority holds it possible, even if the mean does not', () => {
    const { offsetMs, uncertaintyMs } = agreed([
      interval('a', 0, 1),
      interval('b', 0, 1),
      interval('c', 1.9, 1),
      interval('liar', 50, 1),
    ]);
    // Three of four share 0.9 to 1.
    expect(offsetMs - UTC_MINUS_MONOTONIC_MS).toBeCloseTo(0.9, 3);
    expect(uncertaintyMs).toBeCloseTo(0.1, 3);
  });

  it('is not moved off the truth by two liars of five that agree with the edge of two others', () => {
    // RFC 5905's search stops with one liar allowed, at 9 to 10, where four meet.
    const { offsetMs, uncertaintyMs } = agreed([
      interval('a', 0, 10),
      interval('b', 2, 10),
      interval('c', 0, 3),
      interval('liar 1', 9.5, 0.5),
      interval('liar 2', 9.5, 0.5),
    ]);
    expect(Math.abs(offsetMs - UTC_MINUS_MONOTONIC_MS)).toBeLessThanOrEqual(uncertaintyMs);
  });
});

describe('whatever the liars do', () => {
  const ms = (max: number) => fc.double({ min: -max, max, noNaN: true });
  const width = fc.double({ min: 0.01, max: 50, noNaN: true });
  const honest = fc.record({ uncertaintyMs: width, wrong: fc.double({ min: -1, max: 1, noNaN: true }) });
  /** Each on its own, all at one place, or at the edges of those who are honest. */
  const lies = fc.oneof(
    fc.record({ kind: fc.constant('alone' as const), places: fc.array(ms(100), { minLength: 7, maxLength: 7 }) }),
    fc.record({ kind: fc.constant('together' as const), place: ms(100) }),
    fc.record({ kind: fc.constant('edges' as const), inside: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  const scene = fc.record({
    honest: fc.array(honest, { minLength: 1, maxLength: 8 }),
    liars: fc.array(width, { maxLength: 7 }),
    lies,
  });

  /** The truth is 0, and a majority tells it. */
  const scenes = scene.map(({ honest: all, liars, lies: how }) => {
    const told = all.map((it, k) => interval(`honest ${k}`, it.wrong * it.uncertaintyMs * 0.999, it.uncertaintyMs));
    const edge = Math.max(...told.map((it) => it.offsetMs + it.uncertaintyMs)) - UTC_MINUS_MONOTONIC_MS;
    const lied = liars.slice(0, all.length - 1).map((uncertaintyMs, k) => {
      const source = `liar ${k}`;
      if (how.kind === 'alone') return interval(source, how.places[k] ?? 0, uncertaintyMs);
      if (how.kind === 'together') return interval(source, how.place, uncertaintyMs);
      return interval(source, edge + uncertaintyMs * (1 - 2 * how.inside), uncertaintyMs);
    });
    return { told, lied };
  });
  /** What a double of a present date cannot tell, with some to spare. */
  const ROUNDING_MS = 0.001;

  it('the truth lies within what is stated, and no honest source is called wrong', () => {
    let withFalsetickers = 0;
    fc.assert(
      fc.property(scenes, ({ told, lied }) => {
        const { offsetMs, uncertaintyMs, truechimers, falsetickers } = agreed([...lied, ...told]);
        expect(Math.abs(offsetMs - UTC_MINUS_MONOTONIC_MS)).toBeLessThanOrEqual(uncertaintyMs + ROUNDING_MS);
        expect(falsetickers.filter((source) => source.startsWith('honest'))).toEqual([]);
        expect(truechimers.length + falsetickers.length).toBe(told.length + lied.length);
        if (falsetickers.length > 0) withFalsetickers += 1;
      }),
      { numRuns: 5_000 },
    );
    console.log('WITH', withFalsetickers);
    expect(withFalsetickers).toBeGreaterThan(500);
  });

  it('they cannot push what is stated past those who are honest', () => {
    fc.assert(
      fc.property(scenes, ({ told, lied }) => {
        const { offsetMs, uncertaintyMs } = agreed([...lied, ...told]);
        const low = Math.min(...told.map((it) => it.offsetMs - it.uncertaintyMs));
        const high = Math.max(...told.map((it) => it.offsetMs + it.uncertaintyMs));
        expect(offsetMs).toBeGreaterThanOrEqual(low - ROUNDING_MS);
        expect(offsetMs).toBeLessThanOrEqual(high + ROUNDING_MS);
        expect(uncertaintyMs).toBeLessThanOrEqual(high - low + ROUNDING_MS);
      }),
      { numRuns: 2_000 },
    );
  });
});
