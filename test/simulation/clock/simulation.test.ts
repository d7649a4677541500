import { afterEach, describe, expect, it, vi } from 'vitest';
import { SlewedClock } from '../../../core/mesh-time/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { Master } from '../../../gateway/clock/core/master.ts';
import { SCENARIOS, scenarioOf, simulateClock } from './index.ts';

const SEEDS = 4;

describe.each(SCENARIOS)('gateways that agree on time: %s', (scenario) => {
  it(`keep to the goal, say how far they may be off, and never go back (${SEEDS} seeds)`, () => {
    const spreads: number[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violation, counts } = simulateClock({
        ...{ seed, scenario },
        onSettled: ({ spreadMs }) => spreads.push(spreadMs),
      });
      expect(violation, `npm run simulate:clock -- --scenario ${scenario} --seed ${seed} --seeds 1`).toBeUndefined();
      expect(counts['looks']).toBeGreaterThan(50);
    }
    const goalMs = scenarioOf(scenario, seededRandom(0)).spreadGoalMs ?? Number.POSITIVE_INFINITY;
    spreads.sort((a, b) => a - b);
    expect(spreads[Math.floor(spreads.length * 0.99)]).toBeLessThanOrEqual(goalMs);
  });
});

it('goes the same way twice from the same seed', () => {
  const lines: string[] = [];
  const first = simulateClock({ seed: 7, scenario: 'masterKilled', onLine: (line) => lines.push(line) });
  const second = simulateClock({ seed: 7, scenario: 'masterKilled' });
  expect(second.hash).toBe(first.hash);
  expect(second.events).toBe(first.events);
  expect(simulateClock({ seed: 8, scenario: 'masterKilled' }).hash).not.toBe(first.hash);
  expect(lines.some((line) => line.includes('"kind":"synchronised"'))).toBe(true);
});

describe('a planted bug is caught:', () => {
  afterEach(() => vi.restoreAllMocks());

  it('a clock that is set instead of slewed', () => {
    vi.spyOn(SlewedClock.prototype, 'follow').mockImplementation(function (this: SlewedClock, ...told) {
      this.step(...told);
    });
    expect(simulateClock({ seed: 1, scenario: 'lan' }).violation).toMatch(/was set again/);
  });

  it('a target that is taken for the clock itself in the uncertainty', () => {
    const honest = SlewedClock.prototype.at;
    vi.spyOn(SlewedClock.prototype, 'at').mockImplementation(function (this: SlewedClock, ms) {
      return { ...honest.call(this, ms), uncertaintyMs: this.targetUncertaintyMs(ms) };
    });
    expect(caught('reference')).toMatch(/off UTC|apart/);
  });

  it('a new master that takes what it followed for exact', () => {
    const honest = Master.prototype.endRound;
    vi.spyOn(Master.prototype, 'endRound').mockImplementation(function (this: Master, nowMs) {
      return honest.call(this, nowMs).map(({ to, adjust }) => ({
        to,
        adjust: { ...adjust, quality: { ...adjust.quality, uncertaintyMs: 0.001, growthPpm: 0 } },
      }));
    });
    expect(caught('masterKilled')).toMatch(/apart/);
  });

  it('members that are told half of what they are behind, by the master of a mesh with a reference', () => {
    const honest = Master.prototype.endRound;
    vi.spyOn(Master.prototype, 'endRound').mockImplementation(function (this: Master, nowMs) {
      return honest.call(this, nowMs).map(({ to, adjust }) => ({
        to,
        adjust: {
          ...adjust,
          target: { ...adjust.target, shownMs: adjust.target.shownMs - (adjust.correctionMs ?? 0) / 2 - 10 },
        },
      }));
    });
    expect(caught('reference')).toMatch(/off UTC|apart/);
  });
});

function caught(scenario: 'reference' | 'masterKilled'): string | undefined {
  for (let seed = 1; seed <= 5; seed++) {
    const { violation } = simulateClock({ seed, scenario });
    if (violation !== undefined) return violation;
  }
  return undefined;
}
