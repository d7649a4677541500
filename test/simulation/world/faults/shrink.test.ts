import { describe, expect, it } from 'vitest';
import { type Fault, shrinkSchedule } from './index.ts';

const crash = (process: number, forMs = 1_000): Fault => ({
  kind: 'crash',
  atMs: process,
  process,
  powerCut: false,
  forMs,
});
const faults = Array.from({ length: 40 }, (_, index) => crash(index));

function has(schedule: readonly Fault[], process: number, forMs = 0): boolean {
  return schedule.some((fault) => fault.kind === 'crash' && fault.process === process && fault.forMs >= forMs);
}

describe('shrinkSchedule', () => {
  it('finds the faults that matter, and how long they must be', () => {
    const fails = (schedule: readonly Fault[]): boolean => has(schedule, 7, 100) && has(schedule, 31);
    expect(shrinkSchedule(faults, fails, 1_000)).toEqual([crash(7, 125), crash(31, 1)]);
  });

  it('leaves nothing when it fails without faults', () => {
    expect(shrinkSchedule(faults, () => true, 1_000)).toEqual([]);
  });

  it('leaves out one that could go only after another had gone', () => {
    const fails = (schedule: readonly Fault[]): boolean =>
      has(schedule, 1) && has(schedule, 3) && (has(schedule, 0) || !has(schedule, 2));
    expect(shrinkSchedule(faults.slice(0, 4), fails, 1_000)).toEqual([crash(1, 1), crash(3, 1)]);
  });

  it('returns what it has when its runs are used up, which still fails', () => {
    let runs = 0;
    const fails = (schedule: readonly Fault[]): boolean => {
      runs += 1;
      return has(schedule, 7) && has(schedule, 31);
    };
    const shrunk = shrinkSchedule(faults, fails, 10);
    expect(runs).toBe(10);
    expect(fails(shrunk)).toBe(true);
    expect(shrunk.length).toBeLessThan(40);
  });
});
