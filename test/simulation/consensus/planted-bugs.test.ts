import { afterAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { simulate } from './index.ts';
import { PLANTED_BUGS } from './planted-bugs/index.ts';

const SEEDS_MAX = Number(process.env['LATTICE_SIM_SEEDS'] ?? 60);
const TIMEOUT_MS = 120_000;

describe('a bug that is planted', () => {
  const table: string[] = [];
  afterAll(() => console.log(`planted bug, seed that shows it, check that catches it\n${table.join('\n')}`));

  it.each(PLANTED_BUGS)(
    'is caught: $name',
    { timeout: TIMEOUT_MS },
    ({ name, plant, options, faults, profile = 'everything', scenario = {}, firstSeed = 1 }) => {
      const takeOut = plant?.();
      try {
        for (let seed = firstSeed; seed < firstSeed + SEEDS_MAX; seed++) {
          const aimed = faults && { faults: faults(seededRandom(`${name} ${seed}`)) };
          const { violation } = simulate({ seed, profile, scenario, ...options, ...aimed });
          if (violation === undefined) continue;
          table.push(`  ${name.padEnd(72)} ${String(seed).padStart(3)}  ${violation.split('\n')[0]?.slice(0, 110)}`);
          return;
        }
      } finally {
        takeOut?.();
      }
      expect.unreachable(`${SEEDS_MAX} seeds have not shown it`);
    },
  );

  it.each(PLANTED_BUGS.filter(({ faults }) => faults !== undefined))(
    'is what fails, not the schedule that is aimed at it: $name',
    { timeout: TIMEOUT_MS },
    ({ name, faults, profile = 'everything', scenario = {} }) => {
      for (let seed = 1; seed <= 3; seed++) {
        const aimed = { faults: faults?.(seededRandom(`${name} ${seed}`)) ?? [] };
        expect(simulate({ seed, profile, scenario, ...aimed }).violation).toBeUndefined();
      }
    },
  );
});
