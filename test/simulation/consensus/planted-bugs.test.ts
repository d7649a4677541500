import { afterAll, describe, expect, it } from 'vitest';
import { simulate } from './index.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';

const SEEDS_MAX = 120;

describe('a bug that is planted', () => {
  const table: string[] = [];
  afterAll(() => console.log(`planted bug, seed that shows it, check that catches it\n${table.join('\n')}`));

  it.each(PLANTED_BUGS)(
    'is caught: $name',
    ({ name, plant, options, profile = 'everything', scenario = {}, firstSeed = 1 }) => {
      const takeOut = plant?.();
      try {
        for (let seed = firstSeed; seed < firstSeed + SEEDS_MAX; seed++) {
          const { violation } = simulate({ seed, profile, scenario, ...options });
          if (violation === undefined) continue;
          table.push(`  ${name.padEnd(68)} ${String(seed).padStart(3)}  ${violation.split('\n')[0]?.slice(0, 110)}`);
          return;
        }
      } finally {
        takeOut?.();
      }
      expect.unreachable(`${SEEDS_MAX} seeds have not shown it`);
    },
  );
});
