import { describe, expect, it } from 'vitest';
import { runWorld } from './world.ts';

const SEEDS = 1_500;

describe.each(['two-phase', 'paxos'] as const)('a change over three sites, decided by %s', (decision) => {
  it('is made at all of them when nothing fails', () => {
    const { faults, outcomes } = runWorld({ seed: 2, decision, faults: false });
    expect(faults).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === 'commit')).toHaveLength(1);
  });

  it('leaves nothing in doubt when the coordinator dies after any effect', () => {
    const seen = new Set<string | undefined>();
    for (let crashAfterEffects = 0; crashAfterEffects <= 14; crashAfterEffects++) {
      for (let seed = 0; seed < 20; seed++) {
        const { faults, outcomes } = runWorld({ seed, decision, crashAfterEffects, faults: false });
        expect(faults, `seed ${seed}, crash after ${crashAfterEffects} effects`).toEqual([]);
        seen.add(outcomes[0]);
      }
    }
    expect(seen).toContain('commit');
    expect(seen).toContain('abort');
  });

  it(`is made at all sites or at none under ${SEEDS} schedules of faults`, () => {
    let commits = 0;
    let aborts = 0;
    for (let seed = 0; seed < SEEDS; seed++) {
      const { faults, outcomes } = runWorld({ seed, decision, faults: true });
      expect(faults, `seed ${seed}`).toEqual([]);
      commits += outcomes.filter((outcome) => outcome === 'commit').length;
      aborts += outcomes.filter((outcome) => outcome === 'abort').length;
    }
    expect(commits).toBeGreaterThan(SEEDS / 10);
    expect(aborts).toBeGreaterThan(SEEDS / 10);
  });
});

describe('the site of the coordinator is lost for good', () => {
  it('two-phase commit may wait for it; Paxos Commit never does', () => {
    let blocked = 0;
    for (let seed = 0; seed < 300; seed++) {
      blocked += runWorld({ seed, decision: 'two-phase', faults: false, lostSite: 'a' }).locks > 0 ? 1 : 0;
      const paxos = runWorld({ seed, decision: 'paxos', faults: false, lostSite: 'a' });
      expect(paxos.faults, `seed ${seed}`).toEqual([]);
    }
    expect(blocked).toBeGreaterThan(0);
  });
});
