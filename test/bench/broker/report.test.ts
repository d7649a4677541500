import { describe, expect, it } from 'vitest';
import { CASES, type Case } from './cases.ts';
import type { Sample } from './figures.ts';
import type { Round } from './measure.ts';
import { barsOf, caseText, figuresOf } from './report.ts';

const SAMPLE: Sample = { perSecond: 1_000, cpuUs: 10, p50Ms: 1, p99Ms: 2, residentMb: 50, lost: 0 };
const QUIET: Round['busy'] = { brokersBusy: 1, generatorBusy: 0.5, foreignBusy: 0 };
const round = (sample: Sample, busy: Partial<Round['busy']> = {}): Round => ({
  sample: { ...SAMPLE, ...sample },
  busy: { ...QUIET, ...busy },
});

function caseOf(name: string): Case {
  const found = CASES.find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no case ${name}.`);
  return found;
}

describe('the cases', () => {
  it('have names of their own, and goals for what they measure', () => {
    expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
    for (const { metrics, goals } of CASES) for (const { metric } of goals) expect(metrics).toContain(metric);
  });
});

describe('the report of a case', () => {
  const the = caseOf('link');

  it('marks what misses its goal, and nothing else', () => {
    const text = caseText({ the, ours: [round({ perSecond: 1_999 })], peers: [round({})] });
    const marked = text.split('\n').filter((line) => line.startsWith('✗'));
    expect(marked).toHaveLength(1);
    expect(marked[0]).toMatch(/delivered, messages\/s +1,999 +1,000 +2\.00 \(2\.00 to 2\.00\) +>= 2 times/);
    expect(caseText({ the, ours: [round({ perSecond: 2_000 })], peers: [round({})] })).not.toContain('✗');
  });

  it('says when the generator or other programs held a broker up', () => {
    const calm = caseText({ the, ours: [round({})], peers: [round({})] });
    expect(calm).not.toMatch(/generator|programs/);
    const busy = [round({}, { generatorBusy: 0.98, brokersBusy: 0.6 }), round({}, { foreignBusy: 0.4 })];
    const text = caseText({ the, ours: [round({}), round({})], peers: busy });
    expect(text).toContain('The load generator had no time left, and Mosquitto bridge had');
    expect(text).toContain('40% of a core during rounds of Mosquitto bridge');
    expect(text).not.toContain('during rounds of Lattice');
  });

  it('does not take a broker that used its core up for one that was held up', () => {
    const both = round({}, { generatorBusy: 0.98, brokersBusy: 0.98 });
    expect(caseText({ the, ours: [both], peers: [both] })).not.toContain('generator');
  });

  it('refuses a round that lacks a metric', () => {
    const lacking: Round = { sample: { lost: 0 }, busy: QUIET };
    expect(() => figuresOf({ the, ours: [lacking], peers: [lacking] })).toThrow('perSecond');
  });
});

describe('the bars of a case', () => {
  it('are longer for better, whether more or less is better', () => {
    const ours = [round({ perSecond: 4_000, cpuUs: 5 }), round({ perSecond: 2_000, cpuUs: 2.5 })];
    const bars = barsOf({ the: caseOf('link'), ours, peers: [round({}), round({})] });
    expect(bars.map(({ label, times, min, max, goal }) => [label, times, min, max, goal])).toEqual([
      ['delivered', 3, 2, 4, 2],
      ['processor time', expect.closeTo(1 / 0.375), 2, 4, undefined],
    ]);
  });

  it('turn a goal for less round', () => {
    const [bar] = barsOf({
      the: caseOf('link-wire'),
      ours: [round({ wireBytes: 25 })],
      peers: [round({ wireBytes: 100 })],
    });
    expect(bar).toMatchObject({ label: 'on the wire', times: 4, goal: 2 });
  });

  it('leave out the comparison of us with ourselves', () => {
    expect(barsOf({ the: caseOf('federation'), ours: [round({})], peers: [round({})] })).toEqual([]);
  });
});
