import { describe, expect, it } from 'vitest';
import { profileOf } from '../parts.ts';
import { simulate } from './index.ts';

/** A few hundred here; npm run simulate takes more. */
const SEEDS = Number(process.env['LATTICE_SIM_SEEDS'] ?? 150);

describe('a group of gateways that is simulated', () => {
  it(`keeps what it promises under ${SEEDS} schedules of faults`, { timeout: 600_000 }, () => {
    const total = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const profile = profileOf(seed);
      const result = simulate({ seed, profile });
      expect(result.violation, `seed ${seed}, profile ${profile}`).toBeUndefined();
      for (const [name, count] of Object.entries(result.counts)) total.set(name, (total.get(name) ?? 0) + count);
    }
    console.log(Object.fromEntries(total));
    // What is not exercised is not tested.
    expect(total.get('elections')).toBeGreaterThan(SEEDS * 1.5);
    expect(total.get('operations')).toBeGreaterThan(SEEDS * 50);
    expect(total.get('snapshotsRestored')).toBeGreaterThan(SEEDS / 4);
    expect(total.get('deedsFenced')).toBeGreaterThan(0);
    expect(total.get('undecidedHistories')).toBeLessThanOrEqual(SEEDS / 100);
  });

  it('does the same for the same seed', () => {
    for (const seed of [2, 4, 11]) {
      const lines: string[] = [];
      const first = simulate({ seed, profile: 'everything', onLine: (line) => lines.push(line) });
      const again: string[] = [];
      const second = simulate({ seed, profile: 'everything', onLine: (line) => again.push(line) });
      expect(second.hash).toBe(first.hash);
      expect(again).toEqual(lines);
      expect(second.counts).toEqual(first.counts);
    }
    const hashes = new Set([1, 2, 3, 4].map((seed) => simulate({ seed, profile: 'calm' }).hash));
    expect(hashes.size).toBe(4);
  });
});
