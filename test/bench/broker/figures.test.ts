import { describe, expect, it } from 'vitest';
import { figureOf, type Goal, METRICS } from './figures.ts';

const goal = (of: Goal['of'], op: Goal['op'], bound: number): Goal => ({ metric: 'perSecond', of, op, bound });
const figure = (ours: number[], peers: number[], goals: Goal[] = []) =>
  figureOf(METRICS.perSecond, { title: 'a case', ours, peers, goals });

describe('figureOf', () => {
  it('gives the medians, the ratio of the medians, and the least and most ratio of a round', () => {
    expect(figure([100, 300, 200], [100, 100, 50])).toEqual({
      name: 'a case: delivered',
      value: 200,
      unit: 'messages/s',
      goal: '',
      ok: true,
      peer: 100,
      ratio: { median: 2, min: 1, max: 4 },
    });
  });

  it.each([
    [goal('value', '>=', 200), true],
    [goal('value', '>=', 201), false],
    [goal('value', '<=', 200), true],
    [goal('value', '<=', 199), false],
    [goal('value', '=', 200), true],
    [goal('value', '=', 199), false],
    [goal('ratio', '>=', 2), true],
    [goal('ratio', '>=', 2.01), false],
    [goal('ratio', '<=', 2), true],
    [goal('ratio', '<=', 1.99), false],
  ])('judges the median by the goal %o: %s', (one, isMet) => {
    expect(figure([200], [100], [one]).ok).toBe(isMet);
  });

  it('judges what was measured, not what is printed', () => {
    const { value, ok } = figure([199.9], [100], [goal('value', '>=', 200)]);
    expect([value, ok]).toEqual([200, false]);
  });

  it('is well only when every goal of its metric is reached, and says them all', () => {
    const goals = [goal('ratio', '>=', 1.5), goal('value', '>=', 250_000)];
    expect(figure([200_000], [100_000], goals)).toMatchObject({ ok: false, goal: '>= 1.5 times and >= 250,000' });
    expect(figure([300_000], [100_000], goals).ok).toBe(true);
    const other: Goal = { metric: 'cpuUs', of: 'value', op: '<=', bound: 0 };
    expect(figure([1], [1], [other])).toMatchObject({ ok: true, goal: '' });
  });

  it('has no ratio to nothing, and does not reach a goal of one', () => {
    expect(figure([5], [0])).toMatchObject({ ratio: null, ok: true });
    expect(figure([5], [0], [goal('ratio', '>=', 1)]).ok).toBe(false);
  });
});
