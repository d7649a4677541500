import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { FAULT_PROFILES, type Fault, type FaultProfile, faultSchedule } from './index.ts';

const PLACE = { members: [1, 2, 3, 4, 5], others: [6, 7], endMs: 10_000 };

function schedules(profile: FaultProfile, seeds: number): Fault[][] {
  return Array.from({ length: seeds }, (_, seed) =>
    faultSchedule(seededRandom(`${profile} ${seed}`), { profile, ...PLACE }),
  );
}

function isInBounds(fault: Fault): boolean {
  const { atMs } = fault;
  if (atMs < 0 || atMs + ('forMs' in fault ? fault.forMs : 0) > PLACE.endMs) return false;
  if ('process' in fault && !PLACE.members.includes(fault.process)) return false;
  if (fault.kind === 'clockDrift') return Math.abs(fault.ppm) <= 450;
  if (fault.kind === 'partition') return fault.side.length > 0 && fault.side.length < 7;
  return true;
}

describe('faultSchedule', () => {
  it.each(Object.keys(FAULT_PROFILES) as FaultProfile[])(
    'is plain data in order of time that has healed by the end: %s',
    (profile) => {
      for (const faults of schedules(profile, 50)) {
        expect(JSON.parse(JSON.stringify(faults))).toEqual(faults);
        expect(faults.map(({ atMs }) => atMs)).toEqual(
          faults.map(({ atMs }) => atMs).toSorted((one, other) => one - other),
        );
        expect(faults.filter((fault) => !isInBounds(fault))).toEqual([]);
      }
    },
  );

  it('is the same for the same stream', () => {
    expect(schedules('everything', 5)).toEqual(schedules('everything', 5));
  });

  it('has every kind of fault in its time, and corruption only where it is asked for', () => {
    const kinds = new Set(
      schedules('everything', 100)
        .flat()
        .map(({ kind }) => kind),
    );
    expect([...kinds].toSorted()).toEqual([
      'clockDrift',
      'clockStep',
      'clog',
      'crash',
      'cut',
      'diskErrors',
      'duplication',
      'fullDisk',
      'loss',
      'partition',
      'pause',
      'reordering',
      'slowDisk',
      'slowNetwork',
    ]);
    expect(
      schedules('corruption', 20)
        .flat()
        .some(({ kind }) => kind === 'corruption'),
    ).toBe(true);
    expect(schedules('calm', 20).flat()).toEqual([]);
  });

  it('differs in how much goes wrong', () => {
    const counts = schedules('crashes', 100).map((faults) => faults.length);
    expect(Math.min(...counts)).toBeLessThan(10);
    expect(Math.max(...counts)).toBeGreaterThan(150);
  });

  it('takes a group of one', () => {
    const faults = faultSchedule(seededRandom('one'), {
      profile: 'everything',
      members: [1],
      others: [],
      endMs: 5_000,
    });
    expect(faults.length).toBeGreaterThan(0);
  });
});
