import { describe, expect, it } from 'vitest';
import { figuresOf, reportText } from './report.ts';
import type { Round } from './round.ts';

const STEADY = { perSecond: 500, p50Ms: 2, p99Ms: 9 };
const round = (...killedMs: number[]): Round => ({ one: STEADY, many: STEADY, killedMs, frozenMs: [300, 200] });
const results = (ours: Round[], peers: Round[]) => ({ ours, etcdFast: peers, etcdDefault: peers });
const namesOfMissed = (ours: Round[], peers: Round[]): string[] =>
  figuresOf(results(ours, peers)).flatMap(({ ok, name }) => (ok ? [] : [name]));

describe('the figures of failover', () => {
  it('are of the outages of all rounds, and their ratios go from the least round to the most', () => {
    const [median] = figuresOf(results([round(100, 110, 120), round(300)], [round(200, 220, 240), round(200)]));
    expect(median).toEqual({
      name: 'leader killed: median, beside etcd at the same timers',
      value: 115,
      unit: 'ms',
      goal: '<= 250 and less than etcd',
      ok: true,
      peer: 210,
      ratio: { median: 0.548, min: 0.5, max: 1.5 },
    });
  });

  it('miss a goal when the median is too long, or no shorter than that of etcd with the same timers', () => {
    const median = 'leader killed: median, beside etcd at the same timers';
    expect(namesOfMissed([round(250)], [round(251)])).toEqual([]);
    expect(namesOfMissed([round(250)], [round(250)])).toEqual([median]);
    expect(namesOfMissed([round(251)], [round(400)])).toEqual([median]);
  });

  it('miss a goal when one outage of a hundred is too long at the second-longest, whatever etcd does', () => {
    const many = (...longMs: number[]): Round =>
      round(...Array.from({ length: 100 - longMs.length }, () => 100), ...longMs);
    expect(namesOfMissed([many(9_000)], [round(1_000)])).toEqual([]);
    expect(namesOfMissed([many(601, 9_000)], [round(9_999)])).toEqual([
      'leader killed: p99, beside etcd at the same timers',
    ]);
  });

  it('are a table that marks what is missed and says how much was done', () => {
    const text = reportText(results([round(900, 901)], [round(200)]));
    expect(text).toMatch(
      /^✗ leader killed: median, beside etcd at the same timers, ms +901 +200 {2}4\.50 \(4\.50 to 4\.50\)/m,
    );
    expect(text).toContain('Lattice 2 kills, 2 freezes; etcd at 30/150 ms 1 kills, 2 freezes');
  });
});
