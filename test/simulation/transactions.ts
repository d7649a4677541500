import { runWorld } from '../gateway/transactions/core/world.ts';
import type { RunOptions, RunResult } from './run.ts';

/**
 * Two changes over three sites, each site a register that carries out one thing at a time: its requests are lost, late and
 * doubled, coordinators and recovery die at any step. By two-phase commit for odd seeds, by Paxos Commit for even ones. It has a
 * schedule of its own, so the profile changes nothing and there is none to be shrunk.
 */
export function simulateTransactions({ seed, onLine }: RunOptions): RunResult {
  const number = Number(seed);
  const decision = number % 2 === 1 ? 'two-phase' : 'paxos';
  const { faults, outcomes } = runWorld({ seed: number, decision, faults: true });
  onLine?.(
    `decided by ${decision}: ${outcomes.map((outcome, nth) => `t${nth + 1} ${outcome ?? 'not begun'}`).join(', ')}`,
  );
  const count = (wanted: string): number => outcomes.filter((outcome) => outcome === wanted).length;
  return {
    violation: faults.length === 0 ? undefined : faults.join('; '),
    faults: [],
    hash: outcomes.join(),
    events: 0,
    virtualMs: 0,
    counts: { commits: count('commit'), aborts: count('abort') },
  };
}
